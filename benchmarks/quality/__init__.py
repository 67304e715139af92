"""Ranking quality on public data sets: what is asked, of which variants and baselines, and how results are kept."""
