"""What is read before it is wanted, and what is written after it was given: in a thread each, a few steps away."""

import collections
import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

# Batches that wait to be asked, or whose answers wait to be written.
_WAITING = 2
_Each = TypeVar("_Each")


def ahead(made: Iterator[_Each]) -> Iterator[_Each]:
    """Yields what an iterator makes, which goes on beside; what it raises is raised where it would have come."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        waiting = collections.deque(thread.submit(next, made, None) for _ in range(_WAITING))
        while (each := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, made, None))
            yield each


@contextlib.contextmanager
def behind() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Yields a function that has something done beside, in order.

    It waits where much is left to do, and the block ends when all is done. What fails is raised at a later call, or at
    the end; what was given after it may be done all the same.
    """
    waiting: collections.deque[concurrent.futures.Future] = collections.deque()

    def later(do: Callable[[], None]) -> None:
        if len(waiting) >= _WAITING:
            waiting.popleft().result()
        waiting.append(thread.submit(do))

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        yield later
        while waiting:
            waiting.popleft().result()
