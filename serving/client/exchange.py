"""How one call asks: requests one after the other within one deadline, each sent again where that is allowed.

Nothing here touches the network. `Exchange.ask` is a generator that says what to do next, `Send` or `Wait`, and
is told what came of it. So the rules stand once, and a client, sync or async, only has to obey them.
"""

import dataclasses
import random
from collections.abc import Generator
from typing import Any

from serving import errors
from serving.client import deadline, model_request, retries

_SENT_AGAIN = (errors.UnavailableError, errors.ResourceExhaustedError)


@dataclasses.dataclass(frozen=True)
class Send:
    """Send a request and pass its answer back, or throw the `ServingError` that came instead.

    Attributes:
      request: what to ask.
      by: when the answer must be there.
    """

    request: model_request.ModelRequest
    by: deadline.Deadline


@dataclasses.dataclass(frozen=True)
class Wait:
    """Let some time pass.

    Attributes:
      seconds: how much.
    """

    seconds: float


Steps = Generator[Send | Wait, Any, Any]


@dataclasses.dataclass(frozen=True)
class Exchange:
    """The requests of one call.

    Attributes:
      by: when the call has to end.
      retries: how often each request may be sent.
      generator: what the waits between are drawn from.
    """

    by: deadline.Deadline
    retries: retries.Retries
    generator: random.Random

    def ask(self, request: model_request.ModelRequest) -> Steps:
        """Returns the answer to a request.

        Raises:
          ServingError: the last one that came, if there is no answer and no repetition is allowed, or none that
            would begin before the deadline.
        """
        num_failures = 0
        while True:
            try:
                return (yield Send(request, self.by))
            except _SENT_AGAIN:
                num_failures += 1
                seconds = self.retries.wait_seconds(num_failures, self.generator)
                if num_failures >= self.retries.attempts or seconds >= self.by.remaining_seconds():
                    raise
            yield Wait(seconds)
