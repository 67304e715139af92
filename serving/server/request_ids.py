"""Which request a thread works for, so that what it logs says so.

A client names its request with `x-request-id`, as HTTP header or gRPC metadata; without one, or with one that is no
such name, the server makes it up. The answer over REST has it as header, a gRPC error in its trailing metadata.
"""

import contextvars
import itertools
import re
import uuid
from collections.abc import Callable

NAME = "x-request-id"
# Anything else could break a line of a log, or a header.
_ACCEPTED = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_START = uuid.uuid4().hex[:12]
_NUMBERS = itertools.count(1)


class RequestId:
    """The id of one request; looked up when somebody asks, for most requests nobody does.

    Args:
      given: returns what the client named it, `None` if it did not.
    """

    def __init__(self, given: Callable[[], str | bytes | None]):
        self._given = given
        self._value = ""

    def __str__(self) -> str:
        if not self._value:
            given = self._given()
            is_accepted = isinstance(given, str) and _ACCEPTED.fullmatch(given)
            self._value = given if is_accepted else f"{_START}-{next(_NUMBERS)}"
        return self._value


# Set by whoever begins to answer a request, and reset when it is answered.
CURRENT: contextvars.ContextVar[RequestId | None] = contextvars.ContextVar("request_id", default=None)


def current() -> RequestId:
    """Returns the id of the request that this thread works for; a new one where nobody said."""
    return CURRENT.get() or RequestId(lambda: None)


def of_metadata(metadata: Callable[[], tuple]) -> RequestId:
    """Returns the id of a gRPC request.

    Args:
      metadata: returns the pairs that the client sent along.
    """
    return RequestId(lambda: dict(metadata()).get(NAME))
