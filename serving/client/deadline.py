"""The moment by which a call has to end."""

import math
import numbers
import time
from collections.abc import Callable

from serving import errors

DEFAULT_TIMEOUT_SECONDS = 10.0


class Deadline:
    """One deadline for all that a call does: every request, every repetition and the waits between.

    Attributes:
      timeout_seconds: how long the call may take as a whole.
      moment: when it has to end, on the clock.
    """

    def __init__(self, timeout_seconds: float, clock: Callable[[], float] = time.monotonic):
        """Starts the time.

        Args:
          timeout_seconds: how long from now.
          clock: answers the time in seconds.

        Raises:
          InvalidArgumentError: if that is no positive number.
        """
        self.timeout_seconds = checked_timeout(timeout_seconds)
        self.moment = clock() + timeout_seconds
        self._clock = clock

    def remaining_seconds(self) -> float:
        """Returns the time that is left; zero or negative once it is over."""
        return self.moment - self._clock()

    def error(self, address: str) -> errors.DeadlineExceededError:
        """Returns what a call raises that has not ended by then."""
        return errors.DeadlineExceededError(f"{address} gave no answer within {self.timeout_seconds:g} s.")


def checked_timeout(timeout_seconds: float) -> float:
    """Returns the timeout if it is one.

    Raises:
      InvalidArgumentError: if it is no positive number.
    """
    is_number = isinstance(timeout_seconds, numbers.Real) and not isinstance(timeout_seconds, bool)
    if not is_number or not 0 < timeout_seconds < math.inf:
        raise errors.InvalidArgumentError(
            f"timeout_seconds must be a positive number of seconds, but is {timeout_seconds!r}."
        )
    return timeout_seconds
