"""What a query chose before, and what a tower makes of it."""

from tfrs_model.history.window import keep_last

__all__ = ["keep_last"]
