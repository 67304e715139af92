"""What answers to questions are worth.

`relevance` is how well they find their targets, `recommended` what they are made of. `intervals` and
`paired` say how far a figure, or a difference between two models, is owed to the sample of questions, and
`slices` gives figures for parts of the questions, named by `groupings`.
"""

from tfrs_model.metrics.errors import MetricsError
from tfrs_model.metrics.recommended import coverage, mean_popularity, popularity_shares
from tfrs_model.metrics.target_ranks import TargetRanks

__all__ = ["MetricsError", "TargetRanks", "coverage", "mean_popularity", "popularity_shares"]
