import math
import threading
import time

import pytest

from serving.server import clock


def test_it_shows_monotonic_time():
    before = time.monotonic()
    assert before <= clock.Clock().now() <= time.monotonic()


@pytest.mark.parametrize("until", [-math.inf, 0.0])
def test_a_time_that_has_come_is_not_waited_for(until):
    condition = threading.Condition(threading.Lock())
    with condition:
        clock.Clock().wait(condition, until)


@pytest.mark.parametrize("until", [None, math.inf, 1e300])
def test_a_time_beyond_all_waits_lasts_until_the_notification(until):
    condition = threading.Condition(threading.Lock())
    is_notified = []

    def notify():
        with condition:
            is_notified.append(True)
            condition.notify_all()

    with condition:
        thread = threading.Thread(target=notify)
        thread.start()
        while not is_notified:
            clock.Clock().wait(condition, until)
    thread.join()
