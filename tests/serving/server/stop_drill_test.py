"""A server that is told to stop, or killed, while clients ask without a pause."""

import http.client
import json
import pathlib
import signal
import threading
import time

import grpc
import numpy as np
import pytest

from tests.conformance import requests
from tests.serving import recording_model, tiny_models
from tests.serving.server import server_process

pytestmark = [pytest.mark.drill, pytest.mark.alone, pytest.mark.timeout(300)]

_NUM_CLIENTS = 12
_GRACE_SECONDS = 10.0


@pytest.fixture(scope="module")
def base_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording")
    recording_model.export(path / "1")
    return path


class _Client(threading.Thread):
    """Asks again as soon as it was answered, over one connection, without retries, until it gets no answer.

    Attributes:
      answered: of each request that was, when it was sent and when the answer was there.
      refused: the last one: its file, when it was sent, and the error.
    """

    def __init__(self, folder):
        super().__init__()
        self.answered: list[tuple[float, float]] = []
        self.refused: tuple[pathlib.Path, float, Exception] | None = None
        self._folder = folder

    def run(self):
        while self.refused is None:
            path, sent = self._folder / f"{self.name}-{len(self.answered)}", time.monotonic()
            try:
                self.ask(path)
            except (grpc.RpcError, OSError, http.client.HTTPException) as error:
                self.refused = (path, sent, error)
            else:
                assert path.exists()
                self.answered.append((sent, time.monotonic()))

    def ask(self, path):
        raise NotImplementedError

    def was_never_accepted(self):
        raise NotImplementedError


class _OverGrpc(_Client):
    def __init__(self, folder, server):
        super().__init__(folder)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", options)
        self._call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")

    def ask(self, path):
        asked = requests.predict(requests.spec("tiny"), {"path": np.array(str(path).encode(), object)})
        assert str(path).encode() in self._call(asked.SerializeToString(), timeout=60)

    def was_never_accepted(self):
        return self.refused[2].code() is grpc.StatusCode.UNAVAILABLE


class _OverRest(_Client):
    def __init__(self, folder, server):
        super().__init__(folder)
        self._port, self._connection = server.rest_api_port, None

    def ask(self, path):
        # A client keeps its connection until an answer says that it was the last one.
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            self._connection.auto_open = 0
            self._connection.connect()
        self._connection.request("POST", "/v1/models/tiny:predict", json.dumps({"inputs": str(path)}))
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        assert json.loads(answer) == {"outputs": str(path)}
        if response.getheader("connection") == "close":
            self._connection = None

    def was_never_accepted(self):
        return isinstance(self.refused[2], ConnectionRefusedError)


def test_a_server_told_to_stop_loses_no_request_that_it_accepted(base_path, tmp_path, record_property):
    """A request is accepted if the server took it from the connection: it was sent before the signal, or the model ran.

    Whoever is refused has to learn it in a way that allows to ask another server: a refused connection, or UNAVAILABLE.
    """
    flags = [f"--shutdown_grace_seconds={_GRACE_SECONDS}", "--grpc_max_threads=2", "--rest_api_num_threads=2"]
    with server_process.running(base_path, tmp_path / "log", *flags) as server:
        folder = tmp_path / "requests"
        folder.mkdir()
        clients = [kind(folder, server) for kind in (_OverGrpc, _OverRest) for _ in range(_NUM_CLIENTS)]
        for each in clients:
            each.start()
        tiny_models.wait_until(lambda: all(len(each.answered) > 50 for each in clients))
        told = time.monotonic()
        code, seconds = server.stop()
        for each in clients:
            each.join()
    num_under_way = sum(sent < told < answered for each in clients for sent, answered in each.answered)
    record_property("seconds_to_stop", seconds)
    print(f"stopped in {seconds:.2f} s; {num_under_way} requests were under way and answered")
    assert code == 0
    assert seconds < _GRACE_SECONDS
    assert num_under_way > _NUM_CLIENTS
    for each in clients:
        path, sent, error = each.refused
        assert sent > told, error
        assert not path.exists(), error
        assert each.was_never_accepted(), repr(error)
    # What ran was answered, each once.
    assert len(list(folder.iterdir())) == sum(len(each.answered) for each in clients)
    assert "Traceback" not in (tmp_path / "log").read_text(errors="replace")


def test_a_killed_server_serves_again_from_disk(base_path, tmp_path, record_property):
    with server_process.running(base_path, tmp_path / "log") as server:
        client = _OverGrpc(tmp_path, server)
        client.start()
        tiny_models.wait_until(lambda: len(client.answered) > 50)
        code, _ = server.stop(signal.SIGKILL)
        client.join()
        assert code == -signal.SIGKILL
    started = time.monotonic()
    with server_process.running(base_path, tmp_path / "log") as server:
        _OverGrpc(tmp_path, server).ask(tmp_path / "first")
        seconds = time.monotonic() - started
        record_property("seconds_to_first_answer", seconds)
        print(f"answered {seconds:.1f} s after the start")
        # Python and TensorFlow take most of it.
        assert seconds < 60
