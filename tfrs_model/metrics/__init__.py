"""What answers to questions are worth.

`relevance` is how well they find their targets, `recommended` what they are made of.
"""

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.recommended import coverage, mean_popularity, popularity_shares
from tfrs_model.metrics.target_ranks import TargetRanks

__all__ = ["MetricsError", "TargetRanks", "coverage", "mean_popularity", "popularity_shares"]
