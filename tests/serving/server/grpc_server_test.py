"""What the gRPC port does besides answering: encrypt, tell its health, refuse too much, end what is too late."""

import concurrent.futures
import contextlib
import socket
import time

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    prediction_service_pb2_grpc,
)

from serving.server import worker_threads
from tests.serving import tiny_models
from tests.serving.server import grpc_asking


def test_a_unix_socket_answers_beside_the_port(playground_dir, tmp_path):
    path = tmp_path / "grpc.sock"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_socket_path=str(path)) as server,
        grpc_asking.channel_to(server) as channel,
        grpc.insecure_channel(f"unix:{path}") as local,
    ):
        assert grpc_asking.predict(local) == grpc_asking.predict(channel)


def test_a_connection_without_calls_that_does_not_say_that_it_is_still_there_is_closed(playground_dir):
    arguments = {"grpc.keepalive_time_ms": 500, "grpc.http2.ping_timeout_ms": 500}
    with (
        tiny_models.running_server(playground_dir.parent, grpc_channel_arguments=arguments) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        # The beginning of HTTP/2 (RFC 9113, section 3.4): settings, and that those of the server are known.
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0) + _frame(4, 1))
        while connection.recv(65536):
            pass


def _frame(kind, flags):
    return bytes([0, 0, 0, kind, flags, 0, 0, 0, 0])


def test_health_is_told_where_asked_for_and_turns_before_the_end(playground_dir):
    serving, gone = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    with contextlib.ExitStack() as stack:
        running = tiny_models.running_server(playground_dir.parent, enable_grpc_healthcheck_service=True)
        server = running.__enter__()
        stub = health_pb2_grpc.HealthStub(stack.enter_context(grpc_asking.channel_to(server)))
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == serving
        watched = stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watched).status == serving
        running.__exit__(None, None, None)
        assert next(watched).status == gone


def test_without_the_flag_there_is_no_health_service(playground):
    with grpc_asking.channel_to(playground) as channel, pytest.raises(grpc.RpcError) as refusal:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("options", [{}, {"enable_batching": True}], ids=["alone", "batched"])
def test_requests_that_take_long_let_others_begin(playground_dir, tmp_path, monkeypatch, options):
    # There is one turn, which nobody loses, so it has to be given up.
    monkeypatch.setattr(worker_threads, "_TURN_SECONDS", 3600.0)
    monkeypatch.setattr(worker_threads, "_MOST_TURNS", 1)
    gate = tmp_path / "open"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=4, **options) as server,
        grpc_asking.channel_to(server) as channel,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        busy = pool.submit(grpc_asking.predict, channel, grpc_asking.waiting(gate), 60)
        try:
            assert grpc_asking.predict(channel, timeout=30)
            assert not busy.done()
        finally:
            gate.touch()
        assert busy.result(30)


def test_more_than_may_wait_are_refused_while_status_and_health_are_told(playground_dir, tmp_path):
    gate = tmp_path / "open"
    options = {"grpc_max_threads": 1, "max_queued_requests": 1, "enable_grpc_healthcheck_service": True}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        grpc_asking.channel_to(server) as channel,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        busy = [pool.submit(grpc_asking.predict, channel, grpc_asking.waiting(gate), 60) for _ in range(2)]

        # One runs and one waits, or soon will.
        time.sleep(1.0)
        with pytest.raises(grpc.RpcError) as refusal:
            grpc_asking.predict(channel, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.value.details().startswith("As many requests wait as may (--max_queued_requests); ask again")
        assert grpc_asking.status(channel).model_version_status[0].version == 7
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        gate.touch()
        assert all(call.result().outputs["has_looked"].bool_val == [True] for call in busy)
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [2.0]


def test_a_run_that_outlasts_its_deadline_is_ended_and_its_thread_free_again(playground_dir, tmp_path):
    never = tmp_path / "never"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=1) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        with pytest.raises(grpc.RpcError) as refusal:
            grpc_asking.predict(channel, grpc_asking.waiting(never), timeout=0.5)
        assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # The only thread would wait for ever.
        assert list(grpc_asking.predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_deadlines_hold_again_after_a_run_that_took_long(playground_dir, tmp_path):
    gate, never = tmp_path / "open", tmp_path / "never"
    gate.touch()
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=2) as server,
        grpc_asking.channel_to(server) as channel,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        for _ in range(5):
            grpc_asking.predict(channel, grpc_asking.waiting(gate))
        # Known to be quick, so it runs where nothing ends it but its own end; from then on it is known to be slow.
        late = tmp_path / "late"
        slow = pool.submit(grpc_asking.predict, channel, grpc_asking.waiting(late), 60)
        time.sleep(1.0)
        late.touch()
        slow.result()
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as refusal:
                grpc_asking.predict(channel, grpc_asking.waiting(never), timeout=0.3)
            assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert list(grpc_asking.predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_a_request_that_was_cancelled_while_it_waited_is_not_run(playground_dir, tmp_path):
    gate = tmp_path / "open"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=1) as server,
        grpc_asking.channel_to(server) as channel,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        busy = pool.submit(grpc_asking.predict, channel, grpc_asking.waiting(gate), 60)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        time.sleep(1.0)
        # It would wait for a file that never comes, and keep the only thread.
        cancelled = stub.Predict.future(grpc_asking.waiting(tmp_path / "never"))
        time.sleep(1.0)
        cancelled.cancel()
        gate.touch()
        assert busy.result().outputs["has_looked"].bool_val == [True]
        assert list(grpc_asking.predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_a_request_larger_than_the_limit_is_refused(playground_dir):
    with (
        tiny_models.running_server(playground_dir.parent, max_request_bytes=10_000) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        assert grpc_asking.predict(channel, grpc_asking.request(x=1.0)).outputs["y"].float_val == [2.5]
        with pytest.raises(grpc.RpcError) as refusal:
            grpc_asking.predict(channel, grpc_asking.request(x=np.zeros([10_000, 1], np.float32)))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_answers_may_come_as_bytes(playground_dir):
    options = {"enable_serialization_as_tensor_content": True}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        answer = grpc_asking.predict(channel).outputs["y"]
    assert not answer.float_val
    assert np.frombuffer(answer.tensor_content, np.float32).tolist() == [2.0]


def test_options_of_the_library_reach_it(playground_dir):
    # gRPC closes the connection with INTERNAL details where metadata exceeds this limit.
    arguments = {"grpc.max_metadata_size": 200, "grpc.absolute_max_metadata_size": 200}
    with (
        tiny_models.running_server(playground_dir.parent, grpc_channel_arguments=arguments) as server,
        grpc_asking.channel_to(server) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Predict(grpc_asking.request(), timeout=10, metadata=[("long", "x" * 500)])
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
