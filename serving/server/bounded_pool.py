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
      note_waiting: learns how many seconds each call waited.
    """

    def __init__(
        self,
        num_threads: int,
        max_waiting: int,
        name: str,
        note_waiting: Callable[[float], None] = lambda seconds: None,
    ):
        self._threads = worker_threads.WorkerThreads(num_threads, max_waiting, name, note_waiting)

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._threads.is_full

    @property
    def num_under_way(self) -> int:
        """Calls that run or wait."""
        return self._threads.num_under_way

    @property
    def num_waiting(self) -> int:
        """Calls that wait."""
        return self._threads.num_waiting

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

    def join(self, seconds: float) -> None:
        """Waits until the threads have ended, no longer than some seconds."""
        self._threads.join(seconds)


def _run(future: concurrent.futures.Future, function: Callable) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
