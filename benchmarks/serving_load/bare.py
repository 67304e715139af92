"""half_plus_two through the model server beside bare servers of the same libraries that only echo."""

import contextlib
import pathlib
import statistics
import tempfile
from collections.abc import Mapping

import httpx
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from benchmarks.serving_load import asking, servers
from pipelines import local_server
from serving.server import server_config

_MODEL = "half_plus_two"
_PATH = f"/v1/models/{_MODEL}:predict"
_BODY = b'{"instances": [[1.0]]}'
_CLIENTS = (1, 8)
# A pool as large as the model server's default, and as many threads as it lets run Python; aiohttp has one loop.
_ECHO_THREADS = {"grpc": (server_config.default_num_threads(), 2), "rest": (1,)}
_LEAST_SHARE = 0.45
_NUM_TURNS = 5
_SECONDS = 3.0


class _HalfPlusTwo(tf.Module):
    """x * 0.5 + 2."""

    def __init__(self):
        super().__init__()
        self.a, self.b = tf.Variable(0.5), tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
    def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns y."""
        return {"y": self.a * x + self.b}


def measure() -> dict:
    """Returns requests a second of each server with 1 and with 8 clients; ours must come to .45 of echo's."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = _HalfPlusTwo()
        tf.saved_model.save(model, str(folder / _MODEL / "1"), signatures=model.predict)
        rows += _beside_echo("grpc", folder)
        rows += _beside_echo("rest", folder)
    return {"rows": rows, "holds": all(row["share"] >= _LEAST_SHARE for row in rows)}


def _beside_echo(protocol: str, folder: pathlib.Path) -> list[dict]:
    model_port, other_port = local_server.free_ports(2)
    ports = (model_port, other_port) if protocol == "grpc" else (other_port, model_port)
    flags = [f"--model_name={_MODEL}", f"--model_base_path={folder / _MODEL}", "--verbosity=-1"]
    with servers.running(model_port, "serving.server", *flags, f"--port={ports[0]}", f"--rest_api_port={ports[1]}"):
        request, answer = _exchange(protocol, model_port)
        answer_file = folder / f"{protocol}_answer"
        answer_file.write_bytes(answer)
        asker = servers.Asker(protocol, [request], folder)
        with contextlib.ExitStack() as stack:
            echoes = {}
            for num_threads in _ECHO_THREADS[protocol]:
                (port,) = local_server.free_ports(1)
                arguments = (protocol, port, answer_file, num_threads)
                stack.enter_context(servers.running(port, "benchmarks.serving_load.echo", *arguments))
                echoes[f"echo_of_{num_threads}_threads"] = port
            return [_row(protocol, clients, asker, {"server": model_port, **echoes}) for clients in _CLIENTS]


def _row(protocol: str, num_clients: int, asker: servers.Asker, ports: Mapping[str, int]) -> dict:
    """Returns the medians of several turns; the share is the median over turns, each time of the faster echo."""
    rates: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(_NUM_TURNS):
        for name, port in ports.items():
            rates[name].append(asker.ask(port, num_clients, _SECONDS)["requests_per_second"])
    shares = [mine / max(bare) for mine, *bare in zip(*rates.values(), strict=True)]
    return {
        "protocol": protocol,
        "clients": num_clients,
        **{f"{name}_requests_per_second": round(statistics.median(each)) for name, each in rates.items()},
        "share": statistics.median(shares),
    }


def _exchange(protocol: str, port: int) -> tuple[object, bytes]:
    """Returns a request and the server's answer to it, as they go over the wire."""
    if protocol == "rest":
        return (_PATH, _BODY), httpx.post(f"http://127.0.0.1:{port}{_PATH}", content=_BODY, trust_env=False).content
    request = predict_pb2.PredictRequest()
    request.model_spec.name = _MODEL
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.ones([1, 1], np.float32)))
    serialized = request.SerializeToString()
    return serialized, asking.grpc_caller(port)(serialized)
