"""Threads that work for an event loop, and how many calls may wait for one of them."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable


class LoopThreads:
    """Runs calls in threads and hands their results to the loop that asked.

    The loop's own executor would make two futures and a lock for each call, and its `wait_for` two more futures: a
    quarter of the time of a small request.

    Args:
      loop: asks, from its own thread only.
      num_threads: calls that run at once.
      max_waiting: calls that may wait besides.
      name: of the threads.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, num_threads: int, max_waiting: int, name: str):
        self._loop = loop
        self._limit = num_threads + max_waiting
        # Only the loop's thread changes it.
        self._num_under_way = 0
        self._calls: queue.SimpleQueue[tuple[asyncio.Future, Callable, tuple] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name} {number}", daemon=True) for number in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._num_under_way >= self._limit

    async def call(self, timeout_seconds: float, function: Callable, *arguments: object) -> object:
        """Returns what a function returns.

        Args:
          timeout_seconds: longest wait; the call itself goes on.
          function: must not raise.
          *arguments: of the function.

        Raises:
          TimeoutError: if it takes longer.
        """
        result = self._loop.create_future()
        self._num_under_way += 1
        self._calls.put((result, function, arguments))
        timer = self._loop.call_later(timeout_seconds, _give_up, result)
        try:
            return await result
        finally:
            timer.cancel()

    def stop(self) -> None:
        """Takes no more calls; those that wait are not run. Returns at once."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            result, function, arguments = call
            answer = function(*arguments)
            # A loop that is closed has nobody left who waits.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._finish, result, answer)
            del call, result, function, arguments, answer

    def _finish(self, result: asyncio.Future, answer: object) -> None:
        self._num_under_way -= 1
        if not result.done():
            result.set_result(answer)


def _give_up(result: asyncio.Future) -> None:
    if not result.done():
        result.set_exception(TimeoutError())
