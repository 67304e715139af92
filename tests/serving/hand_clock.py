"""A clock that a test moves by hand."""

import threading

from serving.server import clock


class HandClock(clock.Clock):
    """Stands still until it is moved, and then wakes everybody who waits for a time."""

    def __init__(self, now: float = 1000.0):
        self._lock = threading.Lock()
        self._now = now
        self._waiting: list[threading.Condition] = []

    def now(self) -> float:
        return self._now

    def wait(self, condition: threading.Condition, until: float | None) -> None:
        with self._lock:
            if until is not None and self._now >= until:
                return
            self._waiting.append(condition)
        condition.wait()
        with self._lock:
            self._waiting.remove(condition)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            waiting = list(self._waiting)
        # Whoever is listed holds the lock of its condition until it waits.
        for condition in waiting:
            with condition:
                condition.notify_all()
