import threading

import pytest

from serving.server import bounded_pool


def test_a_pool_is_full_when_as_many_wait_as_may():
    gate = threading.Event()
    with bounded_pool.BoundedPool(num_threads=2, max_waiting=1, name="test") as pool:
        calls = []
        for expected in (False, False, False, True):
            assert pool.is_full == expected
            if not expected:
                calls.append(pool.submit(gate.wait, 30))
        gate.set()
        assert [call.result() for call in calls] == [True, True, True]
        assert (pool.is_full, pool.num_under_way) == (False, 0)


def test_a_call_that_fails_or_never_runs_is_not_under_way():
    pool = bounded_pool.BoundedPool(num_threads=1, max_waiting=5, name="test")
    gate = threading.Event()
    failing = pool.submit(lambda: 1 / 0)
    assert isinstance(failing.exception(), ZeroDivisionError)
    pool.submit(gate.wait, 30)
    waiting = pool.submit(gate.wait, 30)
    pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    gate.set()
    pool.shutdown(wait=True)
    assert pool.num_under_way == 0
    with pytest.raises(RuntimeError):
        pool.submit(gate.wait)
    assert pool.num_under_way == 0
