"""Requests that may run together, in the batches that they will run in.

The rules are those of the queue in TensorFlow's shared_batch_scheduler.h: the last batch is open, the others are
closed; a request that does not fit into the open batch closes it and opens the next.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Hashable, Sequence

from serving import errors
from serving.server import batch_request, batching_parameters


@dataclasses.dataclass(eq=False)
class _Batch:
    """Requests that will run at once; `opened_at` is when the first came."""

    opened_at: float
    requests: list[batch_request.BatchRequest] = dataclasses.field(default_factory=list)
    num_rows: int = 0

    def add(self, request: batch_request.BatchRequest) -> None:
        self.requests.append(request)
        self.num_rows += request.num_rows

    def remove(self, request: batch_request.BatchRequest) -> None:
        self.requests.remove(request)
        self.num_rows -= request.num_rows


class BatchQueue:
    """Waiting requests of one kind. Calls must not overlap; the scheduler sees to that.

    Args:
      owner: whose requests these are, to be told when they are gone.
      run: runs the requests of one batch and answers each; raises nothing.
      parameters: sizes, timeout and limit.
    """

    def __init__(
        self,
        owner: Hashable,
        run: Callable[[Sequence[batch_request.BatchRequest]], None],
        parameters: batching_parameters.BatchingParameters,
    ):
        self.owner = owner
        self.run = run
        self._parameters = parameters
        self._batches: collections.deque[_Batch] = collections.deque()

    @property
    def num_requests(self) -> int:
        """How many requests wait."""
        return sum(len(batch.requests) for batch in self._batches)

    def add(self, request: batch_request.BatchRequest, now: float) -> list[batch_request.BatchRequest]:
        """Puts a request into the last batch, or several if it is split.

        Returns:
          Its parts; the request itself if it was not split.

        Raises:
          InvalidArgumentError: if it is larger than any request may be.
          ResourceExhaustedError: if as much waits as may wait.
        """
        self._require_room(request.num_rows)
        parts = request.split(self._part_sizes(request.num_rows))
        for part in parts:
            part.queued_at = now
            if part.num_rows > self._open_slots():
                self._batches.append(_Batch(opened_at=now))
            self._batches[-1].add(part)
        return parts

    def due_at(self) -> float:
        """Returns when the first batch should run: long ago if it is closed or full; never if there is none."""
        if not self._batches:
            return math.inf
        if len(self._batches) > 1 or not self._open_slots():
            return -math.inf
        return self._batches[0].opened_at + self._parameters.batch_timeout_seconds

    def take(self) -> list[batch_request.BatchRequest]:
        """Removes the first batch and returns its requests."""
        return self._batches.popleft().requests

    def discard(self, request: batch_request.BatchRequest) -> bool:
        """Removes a request; returns whether it was still waiting."""
        for batch in self._batches:
            if request in batch.requests:
                batch.remove(request)
                if not batch.requests:
                    self._batches.remove(batch)
                return True
        return False

    def _open_slots(self) -> int:
        """Returns how many rows the open batch can still take, 0 if there is none."""
        if not self._batches:
            return 0
        return self._parameters.execution_batch_size - self._batches[-1].num_rows

    def _part_sizes(self, num_rows: int) -> list[int]:
        largest = self._parameters.execution_batch_size
        if not self._parameters.enable_large_batch_splitting:
            return [num_rows]
        sizes = [min(num_rows, self._open_slots())]
        rest = num_rows - sizes[0]
        sizes += [largest] * (rest // largest) + [rest % largest]
        return [size for size in sizes if size]

    def _require_room(self, num_rows: int) -> None:
        parameters, num_batches = self._parameters, len(self._batches)
        if num_rows > parameters.max_batch_size:
            raise errors.InvalidArgumentError(
                f"Task size {num_rows} is larger than maximum input batch size {parameters.max_batch_size}"
            )
        open_slots = self._open_slots()
        further_slots = (parameters.max_enqueued_batches - num_batches) * parameters.execution_batch_size
        if parameters.enable_large_batch_splitting and num_rows > open_slots + further_slots:
            raise errors.ResourceExhaustedError(
                "The batch scheduling queue to which this task was submitted is full; task size is "
                f"{num_rows} but scheduling capacity is only {open_slots + further_slots} "
                f"(num_enqueued_batches={num_batches}, max_enqueued_batches={parameters.max_enqueued_batches}, "
                f"open_batch_size={parameters.execution_batch_size - open_slots if num_batches else 0}, "
                f"max_execution_batch_size={parameters.execution_batch_size})"
            )
        if num_rows > open_slots and not further_slots:
            raise errors.ResourceExhaustedError(
                "The batch scheduling queue to which this task was submitted is full; currently "
                f"{num_batches} batches enqueued and max_enqueued_batches is {parameters.max_enqueued_batches}"
            )
