import threading

import pytest

from pipelines.bulk import beside


def test_what_is_read_ahead_comes_in_order_and_from_another_thread():
    threads = []

    def numbers():
        for number in range(20):
            threads.append(threading.current_thread())
            yield number

    assert list(beside.ahead(numbers())) == list(range(20))
    assert threading.current_thread() not in threads


def test_what_fails_ahead_is_raised_where_it_would_have_come():
    def numbers():
        yield 1
        raise ValueError("the file is damaged")

    found = beside.ahead(numbers())
    assert next(found) == 1
    with pytest.raises(ValueError, match="the file is damaged"):
        next(found)


def test_what_is_done_behind_is_done_in_order_before_the_block_ends():
    done = []
    with beside.behind() as later:
        for number in range(20):
            later(lambda number=number: done.append(number))
    assert done == list(range(20))


def test_what_fails_behind_is_raised_at_the_end_at_the_latest():
    def fail():
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"), beside.behind() as later:
        later(fail)
