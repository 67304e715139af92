"""One request, or a part of one, that waits to run in a batch."""

import threading
from collections.abc import Mapping, Sequence

import numpy as np

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import clock as clock_lib

# ProcessBatch in batching_session.cc of TensorFlow Serving, with RESOURCE_EXHAUSTED there.
_OVERDUE = "Run() timeout exceeded while waiting in batching queue"


class BatchRequest:
    """Inputs on their way into a batch, and the answer on its way back.

    Attributes:
      inputs: by name, each with `num_rows` rows.
      num_rows: how many.
      deadline: latest time for it to run, on the clock's scale; `None` for none.
      cancellation: `None` if it cannot be cancelled.
      queued_at: when it began to wait.
    """

    def __init__(
        self,
        inputs: Mapping[str, np.ndarray],
        num_rows: int,
        deadline: float | None = None,
        cancellation: cancellation_lib.Cancellation | None = None,
    ):
        self.inputs = inputs
        self.num_rows = num_rows
        self.deadline = deadline
        self.cancellation = cancellation
        self.queued_at = 0.0
        self._answered = threading.Condition(threading.Lock())
        self._outputs: Mapping[str, np.ndarray] | None = None
        self._error: Exception | None = None

    def split(self, sizes: Sequence[int]) -> list["BatchRequest"]:
        """Returns requests for the first `sizes[0]` rows, the next `sizes[1]` and so on; itself for a single size."""
        if len(sizes) == 1:
            return [self]
        parts, begin = [], 0
        for size in sizes:
            rows = {name: array[begin : begin + size] for name, array in self.inputs.items()}
            parts.append(BatchRequest(rows, size, self.deadline, self.cancellation))
            begin += size
        return parts

    def why_not_run(self, now: float) -> errors.ServingError | None:
        """Returns the answer if nobody waits for it any more, else `None`."""
        reason = cancellation_lib.why_not_run(self.deadline, self.cancellation, now)
        return errors.DeadlineExceededError(_OVERDUE) if isinstance(reason, errors.DeadlineExceededError) else reason

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer, or an error in its place."""
        return self._outputs is not None or self._error is not None

    def answer(self, outputs: Mapping[str, np.ndarray]) -> None:
        """Gives the answer to whoever waits for it."""
        with self._answered:
            self._outputs = outputs
            self._answered.notify_all()

    def refuse(self, error: Exception) -> None:
        """Gives whoever waits for the answer an error instead."""
        with self._answered:
            self._error = error
            self._answered.notify_all()

    def wait(self, clock: clock_lib.Clock, until: float | None = None) -> bool:
        """Waits for the answer, no longer than until a time on the clock; returns whether there is one."""
        with self._answered:
            while not self.is_answered and (until is None or clock.now() < until):
                clock.wait(self._answered, until)
            return self.is_answered

    def outputs(self) -> Mapping[str, np.ndarray]:
        """Returns the answer, which must be there.

        Raises:
          Exception: what it was refused with.
        """
        if self._error is not None:
            raise self._error
        return self._outputs
