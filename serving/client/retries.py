"""When a client asks again, and how long it waits before."""

import dataclasses
import math
import numbers
import random

from serving import errors

# Beyond this, doubling would leave the range of a float.
_MAX_DOUBLINGS = 1000


@dataclasses.dataclass(frozen=True)
class Retries:
    """How often a request is sent again that did not reach a server which could answer it.

    Sent again is only what ended UNAVAILABLE (refused, the connection broke before the answer was complete,
    HTTP 503) or RESOURCE_EXHAUSTED (HTTP 429), and never beyond the deadline of the call. All calls of this API
    only read, so one that a server had begun to answer may be asked twice.

    The wait before the n-th repetition is drawn evenly from 0 to
    `min(initial_backoff_seconds * 2^(n - 1), maximum_backoff_seconds)`, as gRPC does (proposal A6): clients that
    failed together do not come back together. With .1 and 1 the bounds are .1, .2, .4, .8, 1, 1 and so on.

        client.RestClient("http://localhost:8501", retries=client.Retries(attempts=3))

    Attributes:
      attempts: how often a request is sent at most, the first time included; 1 never sends it again.
      initial_backoff_seconds: longest wait before the first repetition.
      maximum_backoff_seconds: longest wait before any.
      seed: what the waits are drawn from; `None` for other ones in every client.
    """

    attempts: int = 3
    initial_backoff_seconds: float = 0.1
    maximum_backoff_seconds: float = 1.0
    seed: int | None = None

    def __post_init__(self):
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise errors.InvalidArgumentError(f"attempts must be an integer of at least 1, but is {self.attempts!r}.")
        for name in ("initial_backoff_seconds", "maximum_backoff_seconds"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not 0 < value < math.inf:
                raise errors.InvalidArgumentError(f"{name} must be a positive number of seconds, but is {value!r}.")
        if self.initial_backoff_seconds > self.maximum_backoff_seconds:
            raise errors.InvalidArgumentError(
                f"initial_backoff_seconds is {self.initial_backoff_seconds:g}, more than maximum_backoff_seconds, "
                f"{self.maximum_backoff_seconds:g}."
            )

    def wait_seconds(self, num_failures: int, generator: random.Random) -> float:
        """Returns how long to wait after so many failures, one more each time.

        Args:
          num_failures: at least 1.
          generator: what the wait is drawn from.
        """
        doublings = min(num_failures - 1, _MAX_DOUBLINGS)
        bound = min(self.initial_backoff_seconds * 2.0**doublings, self.maximum_backoff_seconds)
        return generator.uniform(0.0, bound)
