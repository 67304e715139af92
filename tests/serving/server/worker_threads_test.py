import threading

import pytest

from serving.server import worker_threads


class _Calls:
    """Calls that each wait to be let go, and tell when they began."""

    def __init__(self, threads):
        self.threads = threads
        self.gates = []
        self.began = []

    def start(self, gives_up_turn=False):
        gate, began = threading.Event(), threading.Event()

        def call():
            if gives_up_turn:
                worker_threads.give_up_turn()
            began.set()
            gate.wait(30)

        self.gates.append(gate)
        self.began.append(began)
        self.threads.start(call)

    def which_began(self):
        return [position for position, began in enumerate(self.began) if began.wait(0.05)]

    def end(self):
        for gate in self.gates:
            gate.set()


@pytest.fixture
def calls():
    made = _Calls(worker_threads.WorkerThreads(num_threads=4, max_waiting=2, name="test"))
    yield made
    made.end()
    made.threads.stop()


def test_two_calls_have_a_turn_and_the_next_has_it_when_one_ends(calls):
    for _ in range(4):
        calls.start()
    assert calls.which_began() == [0, 1]
    calls.gates[1].set()
    assert calls.began[2].wait(30)
    assert calls.which_began() == [0, 1, 2]


def test_as_many_run_as_there_are_threads_where_each_gives_up_its_turn(calls):
    for _ in range(6):
        calls.start(gives_up_turn=True)
    for position in range(4):
        assert calls.began[position].wait(30)
    assert calls.which_began() == [0, 1, 2, 3]
    assert calls.threads.num_under_way == 6
    assert calls.threads.is_full
    calls.gates[0].set()
    assert calls.began[4].wait(30)
    calls.end()
    assert calls.began[5].wait(30)


def test_turns_are_neither_lost_nor_made(calls):
    def call():
        worker_threads.give_up_turn()
        worker_threads.give_up_turn()
        done.release()

    done = threading.Semaphore(0)
    for _ in range(200):
        calls.threads.start(call)
    for _ in range(200):
        assert done.acquire(timeout=30)
    test_two_calls_have_a_turn_and_the_next_has_it_when_one_ends(calls)


def test_a_call_that_fails_costs_no_thread():
    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test")
    answered = threading.Event()
    for _ in range(3):
        threads.start(lambda: 1 / 0)
    threads.start(answered.set)
    assert answered.wait(30)
    threads.stop()


def test_what_waits_when_the_threads_are_stopped_is_handed_back():
    threads = worker_threads.WorkerThreads(num_threads=1, max_waiting=5, name="test")
    gate, ended = threading.Event(), threading.Event()

    def call():
        gate.wait(30)
        ended.thread = threading.current_thread()
        ended.set()

    threads.start(call)
    threads.start(call)
    assert threads.stop() == [call]
    assert threads.num_under_way == 1
    with pytest.raises(RuntimeError, match="are stopped"):
        threads.start(call)
    gate.set()
    assert ended.wait(30)
    ended.thread.join(30)
    assert not ended.thread.is_alive()
    assert threads.num_under_way == 0


def test_in_other_threads_a_turn_given_up_is_only_counted():
    before = worker_threads.times_given_up()
    worker_threads.give_up_turn()
    assert worker_threads.times_given_up() == before + 1
