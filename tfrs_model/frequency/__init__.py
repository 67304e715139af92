"""Estimates of how often each candidate comes, from the stream, in memory of fixed size."""

from tfrs_model.frequency.health import FrequencyHealth
from tfrs_model.frequency.streaming_frequency import ESTIMATORS, StreamingFrequency, num_buckets_for

__all__ = ["ESTIMATORS", "FrequencyHealth", "StreamingFrequency", "num_buckets_for"]
