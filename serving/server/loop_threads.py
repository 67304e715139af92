"""Threads that work for event loops, and how many calls may wait for one of them."""

import asyncio
import contextlib
import functools
from collections.abc import Callable

from serving.server import worker_threads


class LoopThreads(worker_threads.WorkerThreads):
    """Runs calls in threads and hands their results to the loop that asks.

    The loop's own executor would make two futures and a lock for each call, and its `wait_for` two more futures: a
    quarter of the time of a small request.
    """

    async def call(self, timeout_seconds: float, function: Callable, *arguments: object) -> object:
        """Returns what a function returns.

        Args:
          timeout_seconds: longest wait; the call itself goes on.
          function: must not raise.
          *arguments: of the function.

        Raises:
          TimeoutError: if it takes longer.
        """
        loop = asyncio.get_running_loop()
        result = loop.create_future()
        self.start(functools.partial(_work, loop, result, function, arguments))
        timer = loop.call_later(timeout_seconds, _give_up, result)
        try:
            return await result
        finally:
            timer.cancel()


def _work(loop: asyncio.AbstractEventLoop, result: asyncio.Future, function: Callable, arguments: tuple) -> None:
    answer = function(*arguments)
    # A loop that is closed has nobody left who waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_finish, result, answer)


def _finish(result: asyncio.Future, answer: object) -> None:
    if not result.done():
        result.set_result(answer)


def _give_up(result: asyncio.Future) -> None:
    if not result.done():
        result.set_exception(TimeoutError())
