"""Messages of gRPC calls that are none, or that take long to arrive."""

import threading
import time

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from serving.server import grpc_arrivals, grpc_server
from tests.serving import tiny_models
from tests.serving.server import grpc_asking

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


class _Trickling:
    """A call whose message does not come before it is let."""

    def __init__(self, channel, method, message):
        self._sent = threading.Event()

        def messages():
            self._sent.wait(60)
            yield message

        self.call = channel.stream_unary(method).future(messages(), timeout=60)

    def send(self):
        self._sent.set()
        return self.call


@pytest.fixture(params=[_PREDICT, _STATUS])
def method(request):
    return request.param


@pytest.fixture
def trickle(method):
    """Begins calls over a channel of their own without sending their message."""
    message = grpc_asking.request() if method == _PREDICT else get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "tiny"
    begun = []

    def begin(channel, number):
        begun.extend(_Trickling(channel, method, message.SerializeToString()) for _ in range(number))
        return begun[-number:]

    yield begin
    for each in begun:
        each.send()


def test_calls_that_send_no_message_hold_up_no_others(playground_dir, method, trickle):
    options = {"grpc_max_threads": 2, "max_queued_requests": 50}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        grpc_asking.channel_to(server) as slow,
        grpc_asking.channel_to(server) as channel,
    ):
        # Headers go ahead of the message, so that the server waits for that.
        late = trickle(slow, 20)
        for _ in range(20):
            assert list(grpc_asking.predict(channel, timeout=10).outputs["y"].float_val) == [2.0]
            assert len(grpc_asking.status(channel).model_version_status) == 1
        assert not any(each.call.done() for each in late)
        # What took long is answered all the same.
        assert all(each.send().result(timeout=10) for each in late)
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [2.0]


def test_a_message_that_takes_too_long_is_given_up(playground_dir, trickle, monkeypatch, caplog):
    monkeypatch.setattr(grpc_server, "_LONGEST_SECONDS_TO_ARRIVE", 0.2)
    with (
        tiny_models.running_server(playground_dir.parent) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        (late,) = trickle(channel, 1)
        assert late.call.exception(timeout=10).code() is grpc.StatusCode.CANCELLED
        assert "Cancelled calls whose messages took longer than 0.2 s." in caplog.text


def test_calls_that_are_given_up_leave_no_threads(playground_dir, trickle, monkeypatch):
    monkeypatch.setattr(grpc_server, "_LONGEST_SECONDS_TO_ARRIVE", 0.2)
    # Of servers that other tests have running.
    others = set(threading.enumerate())
    options = {"grpc_max_threads": 2, "max_queued_requests": 50}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        for each in trickle(channel, 10):
            assert each.call.exception(timeout=10).code() is grpc.StatusCode.CANCELLED
        for _ in range(10):
            grpc_asking.predict(channel)
            grpc_asking.status(channel)
        names = ("grpc ", "grpc control ")
        tiny_models.wait_until(lambda: all(_num_threads(name, others) <= 2 for name in names))


def _num_threads(name, others):
    own = set(threading.enumerate()) - others
    return sum(each.name.startswith(name) and each.name.removeprefix(name).isdigit() for each in own)


def test_the_oldest_of_too_many_are_given_up(playground_dir, trickle, caplog):
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=2, max_queued_requests=6) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        # One after the other, for it is said who was first.
        late = []
        for _ in range(6):
            late += trickle(channel, 1)
            time.sleep(0.05)
        for each in late[:2]:
            assert each.call.exception(timeout=10).code() is grpc.StatusCode.CANCELLED
        assert all(each.send().result(timeout=10) for each in late[2:])
        assert "more than 4 had sent none" in caplog.text


def test_none_is_one_of_too_many_at_once_for_a_busy_server_is_slow_to_take_messages(
    playground_dir, trickle, monkeypatch
):
    monkeypatch.setattr(grpc_arrivals, "_LEAST_SECONDS", 60.0)
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=2, max_queued_requests=6) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        late = trickle(channel, 6)
        # Fifty looks at what takes long.
        time.sleep(0.5)
        assert all(each.send().result(timeout=10) for each in late)


def test_a_message_of_another_kind_is_the_fault_of_the_client(playground, method):
    with grpc_asking.channel_to(playground) as channel:
        for message in (b"\xff", b"\x0a\x05ab"):
            with pytest.raises(grpc.RpcError) as refusal:
                channel.unary_unary(method)(message, timeout=10)
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert refusal.value.details().startswith("The message is not of the kind that this method takes: ")


def test_a_call_without_a_message_is_the_fault_of_the_client(playground, method):
    with grpc_asking.channel_to(playground) as channel, pytest.raises(grpc.RpcError) as refusal:
        channel.stream_unary(method)(iter(()), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.value.details() == "A call has to carry a message, but carried none."
