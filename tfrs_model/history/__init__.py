"""What a query chose before, and what a tower makes of it."""

from tfrs_model.history.encoder import HistoryEncoder
from tfrs_model.history.encoders import ENCODERS, build_encoder
from tfrs_model.history.gru import Gru
from tfrs_model.history.mean import Mean
from tfrs_model.history.moment_gaps import MomentGaps
from tfrs_model.history.recency_weighted_mean import RecencyWeightedMean
from tfrs_model.history.self_attention import SelfAttention
from tfrs_model.history.window import keep_last, seen_by_rows

__all__ = [
    "ENCODERS",
    "Gru",
    "HistoryEncoder",
    "Mean",
    "MomentGaps",
    "RecencyWeightedMean",
    "SelfAttention",
    "build_encoder",
    "keep_last",
    "seen_by_rows",
]
