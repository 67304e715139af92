"""Threads that answer requests, few of them at a time, and how many requests may wait for one of them."""

import collections
import threading
from collections.abc import Callable

from absl import logging

from serving import errors

_MOST_TURNS = 2
_CURRENT = threading.local()


def too_many_wait() -> errors.ResourceExhaustedError:
    """Returns the error of a request that no thread has time for, over either protocol."""
    return errors.ResourceExhaustedError(
        "As many requests wait as may (--max_queued_requests); ask again later, or ask another server."
    )


def give_up_turn() -> None:
    """Says that the call of this thread now waits, or computes outside Python, for long: another may begin.

    In a thread of others it is only counted.
    """
    _CURRENT.times_given_up = times_given_up() + 1
    worker = getattr(_CURRENT, "worker", None)
    if worker is not None:
        worker.give_up_turn()


def times_given_up() -> int:
    """Returns how often `give_up_turn` was called in this thread."""
    return getattr(_CURRENT, "times_given_up", 0)


class WorkerThreads:
    """Runs calls in threads, two of which have a turn at a time.

    Python runs one thread at a time; the more of them want to, the longer each waits for it, also when it comes back
    from TensorFlow: eight threads answered two thirds of the small requests that two of them did. So a call begins
    when it has a turn, and gives it up before what takes long without Python. Where calls take long, as many of them
    run at once as there are threads.

    Args:
      num_threads: calls that run at once.
      max_waiting: calls that may wait besides.
      name: of the threads.
    """

    def __init__(self, num_threads: int, max_waiting: int, name: str):
        self._limit = num_threads + max_waiting
        self._num_threads = num_threads
        self._name = name
        self._lock = threading.Lock()
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()
        self._num_under_way = 0
        self._num_turns = min(num_threads, _MOST_TURNS)
        self._num_started = 0
        # The one that slept last is woken first: the processor may still know what it works with.
        self._idle: list[_Worker] = []
        self._is_stopped = False

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._num_under_way >= self._limit

    @property
    def num_under_way(self) -> int:
        """Calls that run or wait."""
        return self._num_under_way

    def start(self, call: Callable[[], None]) -> None:
        """Has a thread make a call, which must not raise; it waits for one, however many do.

        Raises:
          RuntimeError: if the threads are stopped.
        """
        with self._lock:
            if self._is_stopped:
                raise RuntimeError(f"The threads {self._name!r} are stopped.")
            self._num_under_way += 1
            self._waiting.append(call)
            self._give_turns()

    def stop(self) -> list[Callable[[], None]]:
        """Takes no more calls and ends each thread after the call that it makes; returns at once.

        Returns:
          The calls that waited, which are not made.
        """
        with self._lock:
            self._is_stopped = True
            left = list(self._waiting)
            self._waiting.clear()
            self._num_under_way -= len(left)
            for worker in self._idle:
                worker.wake(None)
            self._idle.clear()
        return left

    def _give_turns(self) -> None:
        while self._num_turns and self._waiting and (self._idle or self._num_started < self._num_threads):
            self._num_turns -= 1
            call = self._waiting.popleft()
            if self._idle:
                self._idle.pop().wake(call)
            else:
                self._num_started += 1
                _Worker(self, call, f"{self._name} {self._num_started - 1}").start()

    def _returned(self, worker: "_Worker") -> Callable[[], None] | None:
        """Returns the next call of a worker that made one, with a turn; without one the worker is to sleep."""
        with self._lock:
            self._num_under_way -= 1
            if not worker.has_turn and self._num_turns:
                self._num_turns -= 1
                worker.has_turn = True
            if worker.has_turn:
                if self._waiting:
                    return self._waiting.popleft()
                self._num_turns += 1
                worker.has_turn = False
            if self._is_stopped:
                worker.wake(None)
            else:
                self._idle.append(worker)
            return None

    def _gave_up(self, worker: "_Worker") -> None:
        with self._lock:
            worker.has_turn = False
            self._num_turns += 1
            self._give_turns()


class _Worker(threading.Thread):
    """One thread, which sleeps until it is given a call and a turn with it."""

    def __init__(self, threads: WorkerThreads, call: Callable[[], None], name: str):
        super().__init__(name=name, daemon=True)
        self.has_turn = True
        self._threads = threads
        self._call: Callable[[], None] | None = call
        self._woken = threading.Lock()
        self._woken.acquire()

    def wake(self, call: Callable[[], None] | None) -> None:
        """Gives a sleeping worker a turn and what to call; `None` ends it."""
        self._call, self.has_turn = call, call is not None
        self._woken.release()

    def give_up_turn(self) -> None:
        """Lets another call begin while this one goes on."""
        if self.has_turn:
            self._threads._gave_up(self)

    def run(self) -> None:
        """Makes calls until it is ended."""
        _CURRENT.worker = self
        while (call := self._call) is not None:
            while call is not None:
                try:
                    call()
                except Exception:
                    # Without its thread the server would answer less and less.
                    logging.exception("A call of %s failed", self.name)
                call = self._threads._returned(self)
            self._woken.acquire()
