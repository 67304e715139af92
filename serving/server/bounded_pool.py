"""`WorkerThreads` as the pool that gRPC asks for: calls with futures."""

import concurrent.futures
import functools
from collections.abc import Callable

from serving.server import worker_threads


class BoundedPool(worker_threads.WorkerThreads, concurrent.futures.ThreadPoolExecutor):
    """Runs calls in threads and answers with futures.

    It is a `ThreadPoolExecutor` by name only, without anything of one: gRPC uses no other class for the pool of a
    single method, see `_select_thread_pool_for_behavior` there.
    """

    def submit(self, function: Callable, /, *args: object, **kwargs: object) -> concurrent.futures.Future:
        """Has a thread call a function; it waits for one, however full the pool is.

        Raises:
          RuntimeError: if the pool is stopped.
        """
        future = concurrent.futures.Future()
        self.start(functools.partial(_run, future, functools.partial(function, *args, **kwargs)))
        return future

    def stop(self) -> list[Callable[[], None]]:
        """Takes no more calls and cancels those that wait, which it returns; at once."""
        left = super().stop()
        for run in left:
            run.args[0].cancel()
        return left


def _run(future: concurrent.futures.Future, function: Callable) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
