"""Threads that answer requests, and how many requests may wait for one of them."""

import concurrent.futures
import threading
from collections.abc import Callable

from serving import errors


def too_many_wait() -> errors.ResourceExhaustedError:
    """Returns the error of a request that no thread has time for, over either protocol."""
    return errors.ResourceExhaustedError(
        "As many requests wait as may (--max_queued_requests); ask again later, or ask another server."
    )


class BoundedPool(concurrent.futures.ThreadPoolExecutor):
    """A pool of threads that says when it has enough to do.

    Args:
      num_threads: calls that run at once.
      max_waiting: calls that may wait besides.
      name: of the threads.
    """

    def __init__(self, num_threads: int, max_waiting: int, name: str):
        super().__init__(num_threads, thread_name_prefix=name)
        self._limit = num_threads + max_waiting
        self._num_under_way = 0
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._num_under_way >= self._limit

    @property
    def num_under_way(self) -> int:
        """Calls that run or wait."""
        return self._num_under_way

    def submit(self, function: Callable, /, *args: object, **kwargs: object) -> concurrent.futures.Future:
        """Has a thread call a function; it waits for one, however full the pool is."""
        with self._lock:
            self._num_under_way += 1
        try:
            call = super().submit(function, *args, **kwargs)
        except BaseException:
            self._finish()
            raise
        call.add_done_callback(self._finish)
        return call

    def _finish(self, call: concurrent.futures.Future | None = None) -> None:
        del call
        with self._lock:
            self._num_under_way -= 1
