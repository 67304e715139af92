"""Threads that answer requests, few of them beginning at a time, and how many requests may wait for one of them."""

import collections
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from absl import logging

from serving import errors

_MOST_TURNS = 2
# Far longer than what Python does for a small request, far shorter than anybody notices.
_TURN_SECONDS = 0.01
_CURRENT = threading.local()


class ThreadNeededError(Exception):
    """What is to be done may take long, and is not to be done in this thread, see `RefusingToWait`."""


def too_many_wait() -> errors.ResourceExhaustedError:
    """Returns the error of a request that no thread has time for, over either protocol."""
    return errors.ResourceExhaustedError(
        "As many requests wait as may (--max_queued_requests); ask again later, or ask another server."
    )


def give_up_turn() -> None:
    """Says that the call of this thread is about to wait, or to compute outside Python for long: another may begin.

    Raises:
      ThreadNeededError: within `RefusingToWait`.
    """
    if getattr(_CURRENT, "refuses", False):
        raise ThreadNeededError
    _CURRENT.times_given_up = times_given_up() + 1
    worker = getattr(_CURRENT, "worker", None)
    if worker is not None:
        worker.threads.take_turn_of(worker)


def times_given_up() -> int:
    """Returns how often `give_up_turn` was called in this thread."""
    return getattr(_CURRENT, "times_given_up", 0)


class RefusingToWait:
    """Within the block, `give_up_turn` raises ThreadNeededError; for a thread that has no time."""

    def __enter__(self) -> None:
        _CURRENT.refuses = True

    def __exit__(self, *exc_info: object) -> None:
        _CURRENT.refuses = False


def current_worker() -> "_Worker":
    """Returns the worker whose thread this is, which has to be one of `WorkerThreads`."""
    return _CURRENT.worker


class WorkerThreads:
    """Runs calls in threads, two of which have a turn at a time.

    Python runs one thread at a time; the more of them want to, the longer each waits for it, also when it comes back
    from TensorFlow: eight threads answered two thirds of the small requests that two of them did. So a call begins
    when it has a turn, and gives it up before what takes long without Python. One that keeps it for 10 milliseconds
    while others wait loses it. Where calls take long, as many of them run at once as there are threads.

    Args:
      num_threads: calls that run at once.
      max_waiting: calls that may wait besides.
      name: of the threads.
      note_waiting: learns how many seconds each call waited.
    """

    def __init__(
        self,
        num_threads: int,
        max_waiting: int,
        name: str,
        note_waiting: Callable[[float], None] = lambda seconds: None,
    ):
        self._limit = num_threads + max_waiting
        self._num_threads = num_threads
        self._name = name
        self._note_waiting = note_waiting
        self._lock = threading.Lock()
        self._waiting: collections.deque[_Call] = collections.deque()
        self._num_under_way = 0
        self._num_turns = min(num_threads, _MOST_TURNS)
        self._workers: list[_Worker] = []
        # The one that slept last is woken first: the processor may still know what it works with.
        self._idle: list[_Worker] = []
        self._is_stopped = False
        self._watch = threading.Condition(self._lock)
        self._is_watching = False
        threading.Thread(target=self._end_long_turns, name=f"{name} turns", daemon=True).start()

    @property
    def is_full(self) -> bool:
        """Whether one more call would wait behind as many as may."""
        return self._num_under_way >= self._limit

    @property
    def num_under_way(self) -> int:
        """Calls that run or wait."""
        return self._num_under_way

    @property
    def num_waiting(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    def start(self, call: Callable[[], None]) -> None:
        """Has a thread make a call, which must not raise; it waits for one, however many do.

        Raises:
          RuntimeError: if the threads are stopped, or the system has none.
        """
        with self._lock:
            if self._is_stopped:
                raise RuntimeError(f"The threads {self._name!r} are stopped.")
            self._num_under_way += 1
            self._waiting.append(_Call(call, time.perf_counter()))
            self._give_turns()
            if not self._workers:
                self._waiting.pop()
                self._num_under_way -= 1
                raise RuntimeError(f"The system has no thread for {self._name!r}.")
            if self._waiting and not self._is_watching:
                self._watch.notify()

    def stop(self) -> list[Callable[[], None]]:
        """Takes no more calls and ends each thread after the call that it makes; returns at once.

        Returns:
          The calls that waited, which are not made.
        """
        with self._lock:
            self._is_stopped = True
            left = [waiting.call for waiting in self._waiting]
            self._waiting.clear()
            self._num_under_way -= len(left)
            for worker in self._idle:
                worker.wake(None)
            self._idle.clear()
            self._watch.notify()
        return left

    def join(self, seconds: float) -> None:
        """Waits until the threads have ended, no longer than some seconds."""
        until = time.monotonic() + seconds
        # Those that end meanwhile may leave the list.
        for worker in list(self._workers):
            worker.join(max(0.0, until - time.monotonic()))

    def begin(self, call: "_Call") -> None:
        """Makes a call in the thread of a worker; what it raises is logged."""
        self._note_waiting(time.perf_counter() - call.queued_at)
        try:
            call.call()
        except BaseException:
            # Without its thread the server would answer less and less.
            logging.exception("A call of %s failed", self._name)

    def returned(self, worker: "_Worker") -> "_Call | None":
        """Returns the next call of a worker that made one, with a turn; without one the worker is to sleep."""
        with self._lock:
            self._num_under_way -= 1
            self._end_turn(worker)
            if len(self._workers) > self._num_threads:
                # It was started in place of one that had stepped aside and came back.
                self._workers.remove(worker)
                self._give_turns()
                worker.wake(None)
                return None
            if self._num_turns and self._waiting:
                return self._give_turn(worker)
            if self._is_stopped:
                worker.wake(None)
            else:
                self._idle.append(worker)
            return None

    def take_turn_of(self, worker: "_Worker") -> None:
        """Lets another call begin, while that of a worker goes on."""
        with self._lock:
            self._end_turn(worker)
            self._give_turns()

    def step_aside(self, worker: "_Worker") -> None:
        """Says, from another thread, that a call waits for its client: it gives up its turn and counts no more."""
        with self._lock:
            self._num_threads += 1
            self._end_turn(worker)
            self._give_turns()

    def come_back(self) -> None:
        """Says that it counts again; its call is about to end."""
        with self._lock:
            self._num_threads -= 1

    def _end_turn(self, worker: "_Worker") -> None:
        if worker.turn_began is not None:
            worker.turn_began = None
            self._num_turns += 1

    def _give_turn(self, worker: "_Worker") -> "_Call":
        self._num_turns -= 1
        worker.turn_began = time.monotonic()
        return self._waiting.popleft()

    def _give_turns(self) -> None:
        while self._num_turns and self._waiting and (self._idle or self._add_worker()):
            worker = self._idle.pop()
            worker.wake(self._give_turn(worker))

    def _add_worker(self) -> bool:
        if len(self._workers) >= self._num_threads:
            return False
        worker = _Worker(self, f"{self._name} {len(self._workers)}")
        try:
            worker.start()
        except RuntimeError as error:
            # Those there are go on.
            logging.error("The system has no further thread for %s: %s", self._name, error)
            return False
        self._workers.append(worker)
        self._idle.append(worker)
        return True

    def _end_long_turns(self) -> None:
        with self._lock:
            while not self._is_stopped:
                if self._waiting:
                    self._is_watching = True
                    # Lets go of the lock; is notified at the end only.
                    self._watch.wait(_TURN_SECONDS)
                    self._is_watching = False
                    self._end_turns_before(time.monotonic() - _TURN_SECONDS)
                else:
                    self._watch.wait()

    def _end_turns_before(self, moment: float) -> None:
        if not self._waiting:
            return
        for worker in self._workers:
            if worker.turn_began is not None and worker.turn_began < moment:
                self._end_turn(worker)
        self._give_turns()


class _Call(NamedTuple):
    call: Callable[[], None]
    queued_at: float


class _Worker(threading.Thread):
    """One thread, which sleeps until it is given a call and a turn with it.

    Attributes:
      threads: that it is one of.
      turn_began: on the monotonic clock; `None` without a turn. Whoever changes it holds the lock of `threads`.
    """

    def __init__(self, threads: WorkerThreads, name: str):
        super().__init__(name=name, daemon=True)
        self.threads = threads
        self.turn_began: float | None = None
        self._call: _Call | None = None
        self._woken = threading.Lock()
        self._woken.acquire()

    def wake(self, call: _Call | None) -> None:
        """Gives a sleeping worker what to call; `None` ends it."""
        self._call = call
        self._woken.release()

    def run(self) -> None:
        """Makes calls until it is ended."""
        _CURRENT.worker = self
        while True:
            self._woken.acquire()
            # Nothing may keep a request, or its answer, in memory while the thread sleeps.
            call, self._call = self._call, None
            if call is None:
                return
            while call is not None:
                self.threads.begin(call)
                call = self.threads.returned(self)
