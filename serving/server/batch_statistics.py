"""Counts of what batching did."""

import dataclasses
import threading

from serving import errors


@dataclasses.dataclass(frozen=True)
class BatchCounts:
    """How often something happened.

    Attributes:
      batches: calls of a model for batches of one request or more.
      requests: requests in these batches, parts of split ones counted by themselves.
      rows: rows of these requests.
      padding_rows: rows that filled the batches up to an allowed size.
      queuing_micros: time that requests waited before their batch ran, in microseconds, added up.
      run_apart: batches that failed through one of their requests, so that each was run by itself.
      run_alone: requests that could not share a batch and were run without waiting.
      overdue: requests whose deadline passed while they waited.
      cancelled: requests that were cancelled while they waited.
      refused: requests that found their queue full.
    """

    batches: int = 0
    requests: int = 0
    rows: int = 0
    padding_rows: int = 0
    queuing_micros: int = 0
    run_apart: int = 0
    run_alone: int = 0
    overdue: int = 0
    cancelled: int = 0
    refused: int = 0


class BatchStatistics:
    """Counts for all models together. Calls may come at once from many threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts = BatchCounts()

    @property
    def counts(self) -> BatchCounts:
        """The counts so far."""
        return self._counts

    def add(self, **increments: int) -> None:
        """Adds to some of the counts, by name."""
        with self._lock:
            added = {name: getattr(self._counts, name) + number for name, number in increments.items()}
            self._counts = dataclasses.replace(self._counts, **added)

    def add_unwanted(self, reason: errors.ServingError) -> None:
        """Counts a request that nobody waited for any more.

        Args:
          reason: what it was answered: CANCELLED, or DEADLINE_EXCEEDED.
        """
        is_cancelled = reason.code is errors.StatusCode.CANCELLED
        self.add(cancelled=int(is_cancelled), overdue=int(not is_cancelled))
