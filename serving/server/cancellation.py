"""Whether anybody still waits for the answer to a call."""

import threading
from collections.abc import Callable

from serving import errors


class Cancellation:
    """Tells a call that its caller went away; made by whoever knows, one for each call.

    A gRPC method does `context.add_callback(cancellation.cancel)`. A call that waits in a queue is told at once,
    without polling; one that runs already cannot be interrupted and is answered to nobody.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._listener: Callable[[], None] | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller went away."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Says that the caller went away; a second time, or after the answer, nothing happens."""
        with self._lock:
            listener = None if self._is_cancelled else self._listener
            self._is_cancelled = True
        if listener is not None:
            listener()

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Has `listener` called when the caller goes away, at once if that has happened; `None` ends that."""
        with self._lock:
            self._listener = listener
            is_late = self._is_cancelled
        if is_late and listener is not None:
            listener()


def why_not_run(deadline: float | None, cancellation: Cancellation | None, now: float) -> errors.ServingError | None:
    """Returns the answer to a call that nobody waits for any more; `None` if it is wanted.

    Args:
      deadline: latest time for an answer, on the scale of `now`; `None` for none.
      cancellation: `None` if the call cannot be cancelled.
      now: the time.
    """
    if cancellation is not None and cancellation.is_cancelled:
        return errors.CancelledError("The request was cancelled before it ran.")
    if deadline is not None and now >= deadline:
        return errors.DeadlineExceededError("The deadline of the request passed before it ran.")
    return None
