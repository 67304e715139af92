import asyncio
import threading

import pytest

from serving.server import loop_threads


def _run(use):
    """Runs a coroutine function with one thread and room for one call besides."""

    async def main():
        threads = loop_threads.LoopThreads(1, 1, "test")
        try:
            return await use(threads)
        finally:
            threads.stop()

    return asyncio.run(main())


def test_calls_are_answered_from_another_thread():
    async def use(threads):
        names = await asyncio.gather(*(threads.call(30, lambda: threading.current_thread().name) for _ in range(5)))
        return names, await threads.call(30, divmod, 7, 3)

    assert _run(use) == (["test 0"] * 5, (2, 1))


def test_the_threads_are_full_when_as_many_wait_as_may():
    gate = threading.Event()

    async def use(threads):
        fullness, calls = [], []
        for _ in range(2):
            fullness.append(threads.is_full)
            calls.append(asyncio.create_task(threads.call(30, gate.wait, 30)))
            await asyncio.sleep(0)
        fullness.append(threads.is_full)
        gate.set()
        return fullness, await asyncio.gather(*calls), threads.is_full

    assert _run(use) == ([False, False, True], [True, True], False)


def test_nobody_waits_longer_than_the_timeout_but_the_thread_is_busy_until_the_end():
    gate = threading.Event()

    async def use(threads):
        with pytest.raises(TimeoutError):
            await threads.call(0.01, gate.wait, 30)
        with pytest.raises(TimeoutError):
            await threads.call(0.01, int)
        assert threads.is_full
        gate.set()
        assert await threads.call(30, int) == 0
        return threads.is_full

    assert not _run(use)


def test_a_call_that_ends_after_the_loop_was_closed_harms_nobody(caplog):
    gate, began, threads_of_calls = threading.Event(), threading.Event(), []
    caplog.clear()

    def call():
        threads_of_calls.append(threading.current_thread())
        began.set()
        gate.wait(30)

    async def use(threads):
        waiting = asyncio.create_task(threads.call(30, call))
        await asyncio.to_thread(began.wait, 30)
        waiting.cancel()

    _run(use)
    gate.set()
    threads_of_calls[0].join(30)
    assert not threads_of_calls[0].is_alive()
    assert not caplog.records
