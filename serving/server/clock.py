"""The time that passes, and waiting for it."""

import threading
import time


class Clock:
    """Monotonic time. A test moves one of its own by hand, so that nothing depends on how fast a machine is."""

    def now(self) -> float:
        """Returns seconds, on the scale of `time.monotonic`."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        """Waits until `condition`, whose lock is held, is notified or the time has come; it may return earlier.

        Args:
          condition: what else may end the waiting.
          until: on the scale of `now`; `None` waits for the notification alone.
        """
        # A longer wait than the largest is an error to the lock, and gRPC tells of no deadline by one that far away.
        condition.wait(None if until is None else min(max(0.0, until - self.now()), threading.TIMEOUT_MAX))
