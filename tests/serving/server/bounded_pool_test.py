import threading

import pytest

from serving.server import bounded_pool


def test_a_pool_is_full_when_as_many_wait_as_may():
    gate = threading.Event()
    pool = bounded_pool.BoundedPool(num_threads=2, max_waiting=1, name="test")
    calls = []
    for expected in (False, False, False, True):
        assert pool.is_full == expected
        if not expected:
            calls.append(pool.submit(gate.wait, 30))
    gate.set()
    assert [call.result(30) for call in calls] == [True, True, True]
    pool.stop()


def test_a_call_that_fails_or_never_runs_is_not_under_way():
    pool = bounded_pool.BoundedPool(num_threads=1, max_waiting=5, name="test")
    gate, began = threading.Event(), threading.Event()
    failing = pool.submit(lambda: 1 / 0)
    assert isinstance(failing.exception(30), ZeroDivisionError)
    pool.submit(lambda: began.set() or gate.wait(30))
    assert began.wait(30)
    waiting = pool.submit(gate.wait, 30)
    pool.stop()
    assert waiting.cancelled()
    assert pool.num_under_way == 1
    with pytest.raises(RuntimeError):
        pool.submit(gate.wait)
    gate.set()
    pool.join(30)
    assert pool.num_under_way == 0


def test_a_call_that_was_cancelled_is_not_made():
    pool = bounded_pool.BoundedPool(num_threads=1, max_waiting=5, name="test")
    gate, made = threading.Event(), []
    pool.submit(gate.wait, 30)
    assert pool.submit(made.append, 1).cancel()
    last = pool.submit(made.append, 2)
    gate.set()
    last.result(30)
    assert made == [2]
    pool.stop()
