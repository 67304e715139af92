"""`WorkerThreads` as the pool that gRPC asks for: calls with futures."""

import concurrent.futures
import functools
from collections.abc import Callable

from serving.server import worker_threads


class BoundedPool:
    """Runs calls in `WorkerThreads` and answers with futures.

    Args:
      num_threads: calls that run at once.
      max_waiting: calls that may wait besides.
      name: of the threads.
    """

    def __init__(self, num_threads: int, max_waiting: int, name: str):
        self._threads = worker_threads.WorkerThreads(num_threads, max_waiting, name)

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._threads.is_full

    @property
    def num_under_way(self) -> int:
        """Calls that run or wait."""
        return self._threads.num_under_way

    def submit(self, function: Callable, /, *args: object, **kwargs: object) -> concurrent.futures.Future:
        """Has a thread call a function; it waits for one, however full the pool is.

        Raises:
          RuntimeError: if the pool is stopped.
        """
        future = concurrent.futures.Future()
        self._threads.start(functools.partial(_run, future, functools.partial(function, *args, **kwargs)))
        return future

    def stop(self) -> None:
        """Takes no more calls and cancels those that wait; returns at once."""
        for run in self._threads.stop():
            run.args[0].cancel()


def _run(future: concurrent.futures.Future, function: Callable) -> None:
    future.set_running_or_notify_cancel()
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
