"""Preparation of an interaction log, one noun per module; `pipelines.prepare_data` is the job."""
