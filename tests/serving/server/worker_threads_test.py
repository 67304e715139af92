import gc
import threading
import time
import weakref

import pytest

from serving.server import worker_threads


class _Calls:
    """Calls that each wait to be let go, and tell when they began."""

    def __init__(self, threads):
        self.threads = threads
        self.gates = []
        self.began = []

    def start(self, gives_up_turn=True):
        gate, began = threading.Event(), threading.Event()

        def call():
            if gives_up_turn:
                worker_threads.give_up_turn()
            began.set()
            gate.wait(30)

        self.gates.append(gate)
        self.began.append(began)
        self.threads.start(call)

    def end(self):
        for gate in self.gates:
            gate.set()


@pytest.fixture
def calls():
    made = _Calls(worker_threads.WorkerThreads(num_threads=4, max_waiting=2, name="test"))
    yield made
    made.end()
    made.threads.stop()
    made.threads.join(30)


@pytest.fixture
def endless_turns(monkeypatch):
    monkeypatch.setattr(worker_threads, "_TURN_SECONDS", 3600.0)


def test_two_calls_have_a_turn_and_the_next_has_it_when_one_ends(endless_turns, calls):
    for _ in range(4):
        calls.start(gives_up_turn=False)
    assert calls.began[0].wait(30)
    assert calls.began[1].wait(30)
    assert not calls.began[2].wait(0.05)
    calls.gates[1].set()
    assert calls.began[2].wait(30)
    assert not calls.began[3].wait(0.05)


def test_as_many_run_as_there_are_threads_where_each_gives_up_its_turn(endless_turns, calls):
    for _ in range(6):
        calls.start()
    assert all(began.wait(30) for began in calls.began[:4])
    assert not calls.began[4].wait(0.05)
    assert (calls.threads.num_under_way, calls.threads.num_waiting, calls.threads.is_full) == (6, 2, True)
    calls.gates[0].set()
    assert calls.began[4].wait(30)
    calls.end()
    assert calls.began[5].wait(30)


def test_who_keeps_a_turn_for_long_while_others_wait_loses_it(calls):
    for _ in range(4):
        calls.start(gives_up_turn=False)
    assert all(began.wait(30) for began in calls.began)


def test_turns_are_neither_lost_nor_made(monkeypatch, calls):
    def call():
        worker_threads.give_up_turn()
        worker_threads.give_up_turn()
        # Now and then it also runs out.
        time.sleep(0.011 if next(numbers) % 50 == 0 else 0)
        done.release()

    numbers = iter(range(400))
    done = threading.Semaphore(0)
    for _ in range(400):
        calls.threads.start(call)
    assert all(done.acquire(timeout=30) for _ in range(400))
    monkeypatch.setattr(worker_threads, "_TURN_SECONDS", 3600.0)
    test_two_calls_have_a_turn_and_the_next_has_it_when_one_ends(None, calls)


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_a_call_that_fails_costs_no_thread(error):
    def fail():
        raise error

    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test")
    answered = threading.Event()
    for _ in range(3):
        threads.start(fail)
    threads.start(answered.set)
    assert answered.wait(30)
    threads.stop()


def test_what_waits_when_the_threads_are_stopped_is_handed_back():
    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test")
    gate, began = threading.Event(), threading.Event()

    def call():
        began.set()
        gate.wait(30)

    threads.start(call)
    assert began.wait(30)
    threads.start(call)
    assert threads.stop() == [call]
    assert threads.num_under_way == 1
    with pytest.raises(RuntimeError, match="are stopped"):
        threads.start(call)
    gate.set()
    threads.join(30)
    assert threads.num_under_way == 0


def test_a_system_without_threads_costs_neither_turns_nor_calls(monkeypatch):
    def fail(thread):
        if thread.name.startswith("test ") and not thread.name.endswith("turns"):
            raise RuntimeError("can't start new thread")
        start(thread)

    start = threading.Thread.start
    threads = worker_threads.WorkerThreads(num_threads=4, max_waiting=5, name="test")
    monkeypatch.setattr(threading.Thread, "start", fail)
    for _ in range(5):
        with pytest.raises(RuntimeError, match="The system has no thread for 'test'"):
            threads.start(int)
    assert threads.num_under_way == 0
    monkeypatch.undo()
    began, gate, done = threading.Event(), threading.Event(), threading.Event()
    threads.start(lambda: began.set() or gate.wait(30))
    assert began.wait(30)
    monkeypatch.setattr(threading.Thread, "start", fail)
    # One thread is there, so this one waits for it.
    threads.start(done.set)
    gate.set()
    assert done.wait(30)
    threads.stop()


def test_a_sleeping_thread_keeps_nothing_of_its_last_call():
    class Request:
        pass

    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test")
    request = Request()
    kept, done = weakref.ref(request), threading.Event()
    threads.start(lambda request=request: done.set())
    del request
    assert done.wait(30)
    until = time.monotonic() + 30
    while kept() is not None and time.monotonic() < until:
        gc.collect()
    assert kept() is None
    threads.stop()


def test_every_call_tells_how_long_it_waited():
    waited, done = [], threading.Semaphore(0)
    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test", note_waiting=waited.append)
    for _ in range(2):
        threads.start(lambda: time.sleep(0.02) or done.release())
    assert all(done.acquire(timeout=30) for _ in range(2))
    assert waited[1] >= 0.02 > 0 < waited[0]
    threads.stop()


def test_where_nobody_may_wait_a_turn_is_not_given_up_but_a_thread_asked_for():
    before = worker_threads.times_given_up()
    with pytest.raises(worker_threads.ThreadNeededError), worker_threads.RefusingToWait():
        worker_threads.give_up_turn()
    assert worker_threads.times_given_up() == before
    worker_threads.give_up_turn()
    assert worker_threads.times_given_up() == before + 1
