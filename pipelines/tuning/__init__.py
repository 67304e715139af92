"""What `pipelines.tune` searches, remembers and reports."""
