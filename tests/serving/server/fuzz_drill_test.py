"""Ten thousand wrong requests over each API: refused as the client's fault, and nothing of them stays in the server.

Inputs come from a seed, which a failure names; what failed is written beside the log of the server.
"""

import collections
import http.client
import json
import re
import threading

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    regression_pb2,
)

from tests.conformance import requests
from tests.serving import small_recommender, tiny_models
from tests.serving.server import fuzzed, server_process

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]

_SEED = 20_240_607
_NUM_REQUESTS = 10_000
_SECONDS_FOR_ANSWER = 60
# INTERNAL and UNKNOWN would blame the server, DEADLINE_EXCEEDED would be a request that hangs.
_STATUSES = {200, 400, 404, 501}
_CODES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
_OF_PYTHON = re.compile(rb"""Traceback|<class '|<function| object at 0x|\bb'|\bb"|File "|[a-z]Error\(|dtype=""")
_PREDICT_TINY = [
    {"instances": [[0.0], [1.5]]},
    {"inputs": {"x": [[1.0]]}},
    {"signature_name": "two_inputs", "inputs": {"a": [1.0, 2.0], "b": [1, 2]}},
    {"signature_name": "two_inputs", "instances": [{"a": 1.0, "b": 2}, {"a": 2.5, "b": 3}]},
    {"signature_name": "text", "instances": ["a", {"b64": "aGk="}]},
    {"signature_name": "refuses", "inputs": ["bad", "good"]},
    {"signature_name": "recommend", "inputs": {"query_id": ["u"], "history": [["a", "b"]]}},
]
_PREDICT_SMALL = [
    {"inputs": {"query_id": ["u1"], "age": [41.0], "k": [3]}},
    {"instances": [{"query_id": "u1", "k": 2, "filter_genre": ["war"]}, {"query_id": "u2", "k": 1}]},
    {"signature_name": "similar_candidates", "inputs": {"candidate_id": ["c1"], "k": [3]}},
]
_OF_EXAMPLES = ("classify_x_to_y", "regress_x_to_y")
_EXAMPLES = [
    {"examples": [{"x": 1.0}, {"x": 0.5, "x2": [2.0]}]},
    {"examples": [{"x": 1.0}], "context": {"y": [1, 2], "z": "text"}},
]


@pytest.fixture(scope="module")
def server(playground_dir, upstream_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    small_recommender.export("brute_force", folder / "small" / "1")
    paths = {"tiny": playground_dir.parent, "upstream": upstream_dir.parent, "small": folder / "small"}
    configs = [
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" }}' for name, path in paths.items()
    ]
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(configs)} }}")
    flags = [f"--model_config_file={folder / 'models.config'}"]
    with server_process.running(folder, folder / "log", *flags) as started:
        yield started


def _rest_jobs(number):
    """Returns path and bodies."""
    classify, regress = ([{"signature_name": name, **each} for each in _EXAMPLES] for name in _OF_EXAMPLES)
    return [
        ("/v1/models/tiny:predict", fuzzed.json_bodies(_PREDICT_TINY, number // 2, _SEED)),
        ("/v1/models/small:predict", fuzzed.json_bodies(_PREDICT_SMALL, number // 4, _SEED + 1)),
        ("/v1/models/upstream:classify", fuzzed.json_bodies(classify, number // 8, _SEED + 2)),
        ("/v1/models/upstream:regress", fuzzed.json_bodies(regress, number // 8, _SEED + 3)),
    ]


def _grpc_jobs(number):
    """Returns method and messages."""
    text = np.array([b"a", b"b"], object)
    spec, predict = requests.spec, requests.predict
    example = requests.example(age=41.0, query_id="u1").SerializeToString()
    predicts = [
        predict(spec("tiny"), {"x": [[1.0]]}),
        predict(spec("tiny", "text"), {"texts": text}),
        predict(spec("tiny", "two_inputs"), {"a": [1.0], "b": np.array([1], np.int64)}),
        predict(spec("small"), {"query_id": text, "age": [41.0, 3.0], "k": np.array([3, 3], np.int32)}),
        predict(spec("small", "similar_candidates"), {"candidate_id": np.array([b"c1"], object)}),
        predict(spec("small", "serving_tf_example"), {"examples": np.array([example], object)}),
    ]
    classified = classification_pb2.ClassificationRequest(model_spec=spec("upstream", _OF_EXAMPLES[0]))
    regressed = regression_pb2.RegressionRequest(model_spec=spec("upstream", _OF_EXAMPLES[1]))
    tasks = [
        inference_pb2.InferenceTask(model_spec=spec("upstream", name), method_name=f"tensorflow/serving/{method}")
        for name, method in zip(_OF_EXAMPLES, ("classify", "regress"), strict=True)
    ]
    inferred = inference_pb2.MultiInferenceRequest(tasks=tasks)
    for message in (classified, regressed, inferred):
        message.input.example_list.examples.append(requests.example(x=0.5))
    described = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=spec("tiny"), metadata_field=["signature_def"]
    )
    told = get_model_status_pb2.GetModelStatusRequest(model_spec=spec("tiny", version=7))
    jobs = {
        "PredictionService/Predict": (predicts, number * 6 // 10),
        "PredictionService/Classify": ([classified], number // 10),
        "PredictionService/Regress": ([regressed], number // 10),
        "PredictionService/MultiInference": ([inferred], number // 10),
        "PredictionService/GetModelMetadata": ([described], number // 20),
        "ModelService/GetModelStatus": ([told], number // 20),
    }
    return [
        (f"/tensorflow.serving.{method}", fuzzed.messages(valid, share, _SEED + position))
        for position, (method, (valid, share)) in enumerate(jobs.items())
    ]


class _Asker(threading.Thread):
    """Sends requests one after the other; keeps how often each status came, and what was answered wrongly."""

    def __init__(self, server, where, bodies):
        super().__init__()
        self.counts, self.wrong = collections.Counter(), []
        self._server, self._where, self._bodies = server, where, bodies

    def run(self):
        for body, status, text, is_right in self.answers():
            self.counts[status] += 1
            quoted = _OF_PYTHON.search(text)
            if not is_right or (quoted and quoted[0] not in body):
                self.wrong.append((self._where, body, status, text[:1000]))

    def answers(self):
        raise NotImplementedError


class _OverRest(_Asker):
    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._server.rest_api_port, timeout=_SECONDS_FOR_ANSWER)
        for body in self._bodies:
            connection.request("POST", self._where, body)
            response = connection.getresponse()
            text = response.read()
            yield body, response.status, text, response.status in _STATUSES and _is_json(text, response.status == 200)
        connection.close()


class _OverGrpc(_Asker):
    def answers(self):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        options += [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{self._server.port}", options) as channel:
            call = channel.unary_unary(self._where)
            for body in self._bodies:
                code, text = "OK", b""
                try:
                    call(body, timeout=_SECONDS_FOR_ANSWER)
                except grpc.RpcError as error:
                    code, text = error.code().name, error.details().encode()
                yield body, code, text, code in _CODES and len(text) < 2000


def _is_json(text, may_hold_bytes):
    """A model's own strings are sent as they are, as upstream, also where they are no text."""
    try:
        document = json.loads(text.decode(errors="replace" if may_hold_bytes else "strict"))
    except ValueError:
        return False
    return isinstance(document, dict)


def _send(server, kind, jobs):
    askers = [kind(server, where, bodies) for where, bodies in jobs]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    wrong = [each for asker in askers for each in asker.wrong]
    failed = server.log.with_name("failed")
    failed.write_text("\n".join(map(repr, wrong)))
    assert not wrong, f"seed {_SEED}: {len(wrong)} wrong answers, all of them in {failed}; one is {wrong[0]!r:.2000}"
    return sum((asker.counts for asker in askers), collections.Counter())


@pytest.mark.parametrize(
    ("kind", "jobs", "good"), [(_OverRest, _rest_jobs, 200), (_OverGrpc, _grpc_jobs, "OK")], ids=["rest", "grpc"]
)
def test_wrong_requests_are_refused_and_leave_nothing_behind(server, record_property, kind, jobs, good):
    # The first ones load and compile what stays.
    _send(server, kind, jobs(_NUM_REQUESTS // 4))
    before = server.num_files, server.num_threads, server.resident_bytes
    counts = _send(server, kind, jobs(_NUM_REQUESTS))
    assert sum(counts.values()) == _NUM_REQUESTS
    # They are not all of one kind: many are right after all, more are wrong.
    assert counts[good] > _NUM_REQUESTS // 20
    assert counts[good] < _NUM_REQUESTS // 2
    tiny_models.wait_until(lambda: server.num_files <= before[0] and server.num_threads <= before[1] + 2)
    grown = server.resident_bytes - before[2]
    record_property("grown_megabytes", grown / 1e6)
    record_property("seed", _SEED)
    print(f"seed {_SEED}; {dict(counts)}; memory grew by {grown / 1e6:.1f} MB")
    # Three thousand bytes for each request would be as much as one of them has; what is left is malloc's.
    assert grown < 3000 * _NUM_REQUESTS
    log = server.log.read_text(errors="replace")
    assert "Traceback" not in log
    assert server.process.poll() is None
