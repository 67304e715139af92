"""Models that others would train, behind arrays of what each query chose."""
