"""The probe against real servers, and as the process that an image and a cluster start."""

import contextlib
import http.server
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving.server import probe
from tests.serving import tiny_models

_HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def served(half_plus_two_dir, tmp_path_factory):
    """A server of `tiny` that answers for its health; gives its config."""
    base_path = tmp_path_factory.mktemp("probed")
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    with tiny_models.running_server(base_path, enable_grpc_healthcheck_service=True) as config:
        yield config


@contextlib.contextmanager
def _health_server(status):
    """A gRPC server that only has a health service, and says `status` of itself."""
    servicer = health.HealthServicer()
    servicer.set("", status)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{_HOST}:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@contextlib.contextmanager
def _rest_server(body):
    """An HTTP server that answers every GET with `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer((_HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def _silent_port():
    """A port that takes connections and never says anything."""
    with socket.socket() as listening:
        listening.bind((_HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def _run(*arguments):
    command = [sys.executable, "-m", "serving.server.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_server_that_serves_passes_over_either_api(served):
    probe.check_health(_HOST, served.port, 5.0)
    probe.check_model(_HOST, served.rest_api_port, "tiny", 5.0)


def test_a_server_that_stops_does_not_pass():
    with (
        _health_server(health_pb2.HealthCheckResponse.NOT_SERVING) as port,
        pytest.raises(probe.ProbeError, match=rf"^127\.0\.0\.1:{port} must be SERVING, but is NOT_SERVING\.$"),
    ):
        probe.check_health(_HOST, port, 5.0)


def test_a_server_without_the_health_service_says_which_flag_is_missing(playground):
    sentence = "answered UNIMPLEMENTED: .* Start the server with --enable_grpc_healthcheck_service"
    with pytest.raises(probe.ProbeError, match=sentence):
        probe.check_health(_HOST, playground.port, 5.0)


def test_a_model_that_nobody_serves_does_not_pass(served):
    sentence = "must have an AVAILABLE version of absent, but /v1/models/absent answered 404"
    with pytest.raises(probe.ProbeError, match=sentence):
        probe.check_model(_HOST, served.rest_api_port, "absent", 5.0)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            b'{"model_version_status": [{"version": "2", "state": "LOADING"}, {"version": "1", "state": "END"}]}',
            "they are LOADING, END",
        ),
        (b'{"model_version_status": []}', "/v1/models/tiny answered 200"),
        (b'{"error": "none"}', "/v1/models/tiny answered 200"),
        (b"[1]", "/v1/models/tiny answered 200"),
        (b"no JSON", "/v1/models/tiny answered 200"),
    ],
)
def test_a_model_without_an_available_version_does_not_pass(body, found):
    sentence = f"must have an AVAILABLE version of tiny, but {found}"
    with _rest_server(body) as port, pytest.raises(probe.ProbeError, match=sentence):
        probe.check_model(_HOST, port, "tiny", 5.0)


def test_one_available_version_beside_one_that_loads_passes():
    states = '{"version": "2", "state": "LOADING"}, {"version": "1", "state": "AVAILABLE"}'
    with _rest_server(f'{{"model_version_status": [{states}]}}'.encode()) as port:
        probe.check_model(_HOST, port, "tiny", 5.0)


def test_a_port_on_which_nobody_listens_does_not_pass():
    with pytest.raises(probe.ProbeError, match=r"answered UNAVAILABLE: "):
        probe.check_health(_HOST, tiny_models.free_port(), 5.0)
    with pytest.raises(probe.ProbeError, match=r"gave no answer over REST: .*refused"):
        probe.check_model(_HOST, tiny_models.free_port(), "tiny", 5.0)


def test_a_server_that_hangs_does_not_hold_up_the_probe():
    started = time.monotonic()
    with _silent_port() as port:
        with pytest.raises(probe.ProbeError, match="answered DEADLINE_EXCEEDED: "):
            probe.check_health(_HOST, port, 0.1)
        with pytest.raises(probe.ProbeError, match="gave no answer over REST: timed out"):
            probe.check_model(_HOST, port, "tiny", 0.1)
    assert time.monotonic() - started < 5.0


def test_proxies_of_the_environment_are_not_asked(served, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://{_HOST}:{tiny_models.free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    probe.check_health(_HOST, served.port, 5.0)
    probe.check_model(_HOST, served.rest_api_port, "tiny", 5.0)


def test_the_process_ends_with_0_where_both_apis_serve(served):
    ports = f"--port={served.port}", f"--rest_api_port={served.rest_api_port}"
    result = _run(*ports, "--model_name=tiny")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_process_ends_with_1_and_one_sentence_where_one_of_them_does_not(served):
    ports = f"--port={served.port}", f"--rest_api_port={served.rest_api_port}"
    result = _run(*ports, "--model_name=absent")
    assert result.returncode == 1
    assert result.stderr == (
        f"ERROR: 127.0.0.1:{served.rest_api_port} must have an AVAILABLE version of absent, but /v1/models/absent "
        "answered 404.\n"
    )


def test_a_probe_that_asks_nothing_is_refused():
    result = _run()
    assert result.returncode == 1
    assert result.stderr == "ERROR: --port or --rest_api_port is required: which API to ask, but both are 0.\n"
