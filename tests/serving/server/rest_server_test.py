"""What the REST port does besides answering: metrics, limits, origins, addresses."""

import concurrent.futures
import contextlib
import functools
import pathlib
import threading
import time

import httpx
import pytest

from serving.server import metrics, request_records, rest_api, rest_server, server_config, worker_threads
from tests.serving import tiny_models


def _url(server, path="/v1/models/tiny"):
    return f"http://127.0.0.1:{server.rest_api_port}{path}"


def _ask(server, body=None, method="POST", path="/v1/models/tiny:predict", **options):
    body = {"instances": [[0.0]]} if body is None and method == "POST" else body
    return httpx.request(method, _url(server, path), json=body, trust_env=False, timeout=30, **options)


def _monitoring(tmp_path, text):
    (tmp_path / "monitoring.config").write_text(f"prometheus_config {{ {text} }}")
    return {"monitoring_config_file": tmp_path / "monitoring.config"}


@pytest.mark.parametrize(
    ("text", "path"),
    [("enable: true", "/monitoring/prometheus/metrics"), ('enable: true path: "/other"', "/other")],
)
def test_metrics_are_where_the_configuration_says(playground_dir, tmp_path, text, path):
    with tiny_models.running_server(playground_dir.parent, **_monitoring(tmp_path, text)) as server:
        assert _ask(server).json() == {"predictions": [[2.0]]}
        assert _ask(server, path="/v1/models/made-up:predict").status_code == 404
        answer = _ask(server, method="GET", path=path)
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert ':tensorflow:serving:request_count{model_name="tiny",status="OK"} 1' in lines
    assert ':tensorflow:serving:request_latency_count{model_name="tiny",API="predict",entrypoint="REST"} 1' in lines
    assert ':tensorflow:serving:runtime_latency_count{model_name="tiny",API="Predict",runtime="TF1"} 1' in lines
    # Names that clients make up are counted together.
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1' in lines


def test_without_a_configuration_there_are_no_metrics(playground_dir, tmp_path, playground):
    assert _ask(playground, method="GET", path="/monitoring/prometheus/metrics").status_code == 404
    with tiny_models.running_server(playground_dir.parent, **_monitoring(tmp_path, "enable: false")) as server:
        assert _ask(server, method="GET", path="/monitoring/prometheus/metrics").status_code == 404


def test_pages_of_other_origins_may_read_answers_only_where_the_flag_says_so(playground_dir, playground):
    assert "access-control-allow-origin" not in _ask(playground).headers
    with tiny_models.running_server(playground_dir.parent, rest_api_enable_cors_support=True) as server:
        answer, asked_before = _ask(server), _ask(server, method="OPTIONS")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert asked_before.status_code == 200
    assert asked_before.headers["access-control-allow-headers"] == "Content-Type"


def test_a_body_larger_than_the_limit_is_refused(playground_dir):
    with tiny_models.running_server(playground_dir.parent, max_request_bytes=1000) as server:
        answer = _ask(server, {"instances": [[0.0]] * 1000})
        assert answer.status_code == 400
        assert answer.json() == {"error": "A request may have 1000 bytes (--max_request_bytes), but has more."}
        assert _ask(server).status_code == 200


def test_more_than_may_wait_are_refused_while_status_is_told(playground_dir, tmp_path):
    gate = tmp_path / "open"
    waiting = {"signature_name": "wait", "inputs": str(gate)}
    options = {"rest_api_num_threads": 1, "max_queued_requests": 1, **_monitoring(tmp_path, "enable: true")}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        busy = [pool.submit(_ask, server, waiting) for _ in range(2)]
        # One runs and one waits, or soon will.
        time.sleep(1.0)
        refused = _ask(server)
        assert refused.status_code == 429
        page = _ask(server, method="GET", path="/monitoring/prometheus/metrics").text
        assert ':tensorflow:serving:request_count{model_name="",status="RESOURCE_EXHAUSTED"} 1' in page
        assert refused.json()["error"].startswith("As many requests wait as may (--max_queued_requests); ask again")
        assert _ask(server, method="GET", path="/v1/models/tiny").status_code == 200
        gate.touch()
        assert [call.result().json() for call in busy] == [{"outputs": True}] * 2
        assert _ask(server).status_code == 200


def test_a_run_that_takes_too_long_is_ended_and_its_thread_free_again(playground_dir, tmp_path):
    options = {"rest_api_num_threads": 1, "rest_api_timeout_in_ms": 300}
    with tiny_models.running_server(playground_dir.parent, **options) as server:
        late = _ask(server, {"signature_name": "wait", "inputs": str(tmp_path / "never")})
        assert late.status_code == 504
        # The only thread would wait for ever.
        tiny_models.wait_until(lambda: _ask(server).status_code == 200)


def test_rest_listens_where_it_is_told(playground_dir):
    with tiny_models.running_server(playground_dir.parent, rest_api_address="127.0.0.2") as server:
        assert httpx.get(f"http://127.0.0.2:{server.rest_api_port}/v1/models/tiny", trust_env=False).status_code == 200
        with pytest.raises(httpx.ConnectError):
            _ask(server)


_QUICK = "/v1/models/small:predict"


class _TellsThread:
    """Answers with the thread that it was asked in."""

    def __init__(self):
        self.waits = False
        self.stuck = threading.Event()
        self.stuck.set()

    def answer(self, method, *arguments):
        if self.waits:
            worker_threads.give_up_turn()
        if method == "POST":
            self.stuck.wait(30)
        return rest_api.RestAnswer(200, threading.current_thread().name.split()[1].encode())


@pytest.fixture
def teller():
    config = server_config.ServerConfig(
        model_base_path=pathlib.Path("unused"), rest_api_port=tiny_models.free_port(), shutdown_grace_seconds=0.5
    )
    api = _TellsThread()
    counted = metrics.Metrics()
    server = rest_server.RestServer(api, config, counted, request_records.RequestRecords(counted))
    server.start()
    url = f"http://127.0.0.1:{config.rest_api_port}"
    api.server, api.client = server, functools.partial(httpx.Client, base_url=url, trust_env=False, timeout=30)
    try:
        with api.client() as client:
            api.ask = lambda content="", path=_QUICK: client.post(path, content=content).text
            yield api
    finally:
        server.stop()


def _is_answered(teller):
    """Returns whether a connection of its own is answered; one to a loop that is held up is not."""
    with teller.client(timeout=1) as client, contextlib.suppress(httpx.TimeoutException):
        return client.get(_QUICK).status_code == 200
    return False


def _becomes_quick(teller):
    """Returns whether a path comes to the loop; one slow answer, to which any machine may come, begins anew."""
    return any(teller.ask() == "loop" for _ in range(1000))


def test_what_is_quick_is_answered_by_the_loop(teller):
    assert {teller.ask() for _ in range(100)} <= {"0", "1"}
    assert _becomes_quick(teller)
    # What is large is not, nor what nothing is known of.
    assert teller.ask(content="x" * 5000) != "loop"
    assert teller.ask(path="/v1/models/other:predict") != "loop"


def test_what_would_wait_is_handed_to_a_thread_before_it_does(teller):
    assert _becomes_quick(teller)
    teller.waits = True
    assert "loop" not in {teller.ask() for _ in range(150)}


def test_a_request_that_holds_up_the_loop_costs_others_a_moment_and_its_path_the_loop(teller):
    assert _becomes_quick(teller)
    teller.stuck.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held_up = pool.submit(teller.ask)
        tiny_models.wait_until(lambda: _is_answered(teller))
        teller.stuck.set()
        assert held_up.result(30) == "loop"
    with teller.client() as anew:
        assert "loop" not in {anew.post(_QUICK).text for _ in range(150)}


def test_a_server_whose_loop_is_held_up_stops_all_the_same(teller):
    assert _becomes_quick(teller)
    teller.stuck.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held_up = pool.submit(teller.ask)
        tiny_models.wait_until(lambda: teller.server._loops[0].held_up_by(0.0) is not None)
        started = time.monotonic()
        teller.server.stop()
        # The grace of half a second, and a second each for answers and thread.
        assert time.monotonic() - started < 10
        teller.stuck.set()
        with contextlib.suppress(httpx.HTTPError):
            held_up.result(30)
