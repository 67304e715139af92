"""Crowds of clients that are slow, silent or greedy, while others ask as usual."""

import contextlib
import socket
import statistics
import threading
import time

import grpc
import pytest

from tests.conformance import requests
from tests.serving import tiny_models
from tests.serving.server import raw_http, server_process

pytestmark = [pytest.mark.drill, pytest.mark.alone, pytest.mark.timeout(300)]

_NUM_OF_A_KIND = 200
_NUM_CALLS = 50
_LIMIT_SECONDS = 4.0
_MAX_BYTES = 1_000_000
_MESSAGE = requests.predict(requests.spec("tiny"), {"x": [[1.0]]}).SerializeToString()
_METHOD = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture
def server(half_plus_two_dir, tmp_path):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    flags = [
        f"--rest_api_timeout_in_ms={_LIMIT_SECONDS * 1000:.0f}",
        f"--max_request_bytes={_MAX_BYTES}",
        # As many calls as wait for their message below, and some that are answered.
        f"--max_queued_requests={2 * _NUM_CALLS}",
        f"--grpc_channel_arguments=grpc.server_handshake_timeout_ms={_LIMIT_SECONDS * 1000:.0f}",
    ]
    with server_process.running(tmp_path / "tiny", tmp_path / "log", *flags) as started:
        yield started


def _connected(opened, port, said=b""):
    connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
    connection.sendall(said)
    return connection


class _Trickle(threading.Thread):
    """Sends a byte more over each of many connections, again and again, until all are closed."""

    def __init__(self, connections):
        super().__init__(daemon=True)
        self.left = list(connections)

    def run(self):
        while self.left:
            for connection in list(self.left):
                try:
                    connection.sendall(b"1")
                except OSError:
                    self.left.remove(connection)
            time.sleep(0.2)


class _Calls:
    """gRPC calls whose message is not sent."""

    def __init__(self, opened, server):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channel = opened.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.port}", options))
        self._ended = threading.Event()
        opened.callback(self._ended.set)
        self.begun = [channel.stream_unary(_METHOD).future(self._nothing(), timeout=60) for _ in range(_NUM_CALLS)]

    def _nothing(self):
        self._ended.wait(120)
        yield from ()

    def end(self):
        self._ended.set()
        return [call.exception(timeout=30).code() for call in self.begun]


def _median_seconds(server, seconds):
    """Returns how long requests over gRPC and REST took while they were asked for a while; each has to be right."""
    latencies, end = {"grpc": [], "rest": []}, time.monotonic() + seconds
    with (
        grpc.insecure_channel(f"127.0.0.1:{server.port}", [("grpc.use_local_subchannel_pool", 1)]) as channel,
        raw_http.connection_to(server) as connection,
    ):
        call = channel.unary_unary(_METHOD)
        while time.monotonic() < end:
            started = time.monotonic()
            call(_MESSAGE, timeout=10)
            latencies["grpc"].append(time.monotonic() - started)
            started = time.monotonic()
            connection.sendall(raw_http.request())
            assert raw_http.answer(connection).startswith(b"HTTP/1.1 200 ")
            latencies["rest"].append(time.monotonic() - started)
    return {protocol: statistics.median(each) for protocol, each in latencies.items()}


def test_slow_and_silent_clients_hold_up_nobody_and_are_let_go(server, record_property):
    normal = _median_seconds(server, 2.0)
    before = server.num_files, server.num_threads
    with contextlib.ExitStack() as opened:
        rest, head = server.rest_api_port, b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\n"
        silent = [_connected(opened, port) for port in (rest, server.port) for _ in range(_NUM_OF_A_KIND)]
        in_head = [_connected(opened, rest, head + b"X-Long: ") for _ in range(_NUM_OF_A_KIND)]
        in_body = [_connected(opened, rest, head + b"Content-Length: 9999\r\n\r\n") for _ in range(_NUM_OF_A_KIND)]
        calls = _Calls(opened, server)
        trickle = _Trickle([*in_head, *in_body])
        trickle.start()
        tiny_models.wait_until(lambda: server.num_files > 4 * _NUM_OF_A_KIND)
        meanwhile = _median_seconds(server, _LIMIT_SECONDS / 2)
        trickle.join(60)
        assert not trickle.left
        for connection in silent:
            # Nothing but HTTP/2's settings, which the server says first.
            assert b"HTTP/1" not in raw_http.until_closed(connection)
        assert set(calls.end()) == {grpc.StatusCode.INVALID_ARGUMENT}
    print({protocol: f"{1e3 * normal[protocol]:.2f}, {1e3 * meanwhile[protocol]:.2f} ms" for protocol in normal})
    for protocol in normal:
        record_property(f"{protocol}_times_slower", meanwhile[protocol] / normal[protocol])
        # Two thousand bytes a second are read besides, each by itself, on the same processors.
        assert meanwhile[protocol] < 5 * normal[protocol] + 0.01
    tiny_models.wait_until(lambda: server.num_files <= before[0] + 2)
    # gRPC keeps a few threads of its own.
    tiny_models.wait_until(lambda: server.num_threads <= before[1] + 16)


def _send_too_much(server):
    with contextlib.ExitStack() as opened:
        for _ in range(10):
            # Said to be of 100 GB; the server need not wait for them.
            connection = _connected(opened, server.rest_api_port)
            connection.sendall(raw_http.request(b"").replace(b"Content-Length: 0", b"Content-Length: 100000000000"))
            with contextlib.suppress(ConnectionError):
                connection.sendall(bytes(2 * _MAX_BYTES))
            assert b"A request may have 1000000 bytes (--max_request_bytes), but has more." in raw_http.answer(
                connection
            )
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            for _ in range(10):
                with pytest.raises(grpc.RpcError) as refusal:
                    channel.unary_unary(_METHOD)(bytes(2 * _MAX_BYTES), timeout=30)
                assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_bodies_and_messages_beyond_the_limit_are_refused_before_they_are_all_there(server, record_property):
    sizes = []
    for _ in range(4):
        _send_too_much(server)
        sizes.append(server.resident_bytes)
    grown = sizes[-1] - sizes[0]
    record_property("grown_megabytes", grown / 1e6)
    print([f"{size / 1e6:.1f} MB" for size in sizes])
    # The first ones make buffers that stay. Of the 60 after them, of 2 MB each, a tenth would be as much.
    assert grown < 12 * _MAX_BYTES
    assert set(_median_seconds(server, 0.5)) == {"grpc", "rest"}
