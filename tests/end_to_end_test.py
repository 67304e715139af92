"""From a raw log of the user's own to the client's answer, by the documented commands and no code."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pipelines import local_server
from serving import client, errors
from tests import planted_log

_ROOT = pathlib.Path(__file__).parents[1]


def _job(module: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"pipelines.{module}", *flags]


def _run_at_once(*commands: list[str], **options) -> list[str]:
    """Returns what each command printed; none needs another, and most of them wait for the import of TensorFlow."""

    def run(command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **{"cwd": _ROOT, **options})
        assert done.returncode == 0, done.stderr
        return done.stdout

    with futures.ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, commands))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("own_data")
    log = planted_log.write(root / "raw")
    directories = [f"--prepared_dir={root / 'prepared'}", f"--model_dir={root / 'model'}"]
    prepare = (
        "prepare_data",
        f"--interactions={log.interactions}",
        f"--candidates={log.candidates}",
        f"--queries={log.queries}",
        f"--schema={log.schema}",
        directories[0],
    )
    train = ("train", *directories, "--embedding_dim=16", "--batch_size=128", "--learning_rate=0.01", "--num_epochs=12")
    _run_at_once(_job(*prepare))
    _run_at_once(_job(*train))
    _run_at_once(
        _job("evaluate", *directories, f"--evaluation_path={root / 'evaluation.json'}"),
        _job("export", *directories, f"--export_dir={root / 'served' / 'shop'}", "--k=20", "--index=scann"),
        _job("export", *directories, f"--export_dir={root / 'exact'}", "--k=20", "--index=brute_force"),
    )
    return root


@pytest.fixture(scope="module")
def server(made):
    with local_server.serve("shop", made / "served" / "shop", made / "server.log") as running:
        yield running


_QUERY = {"query_ids": ["shopper-1"], "histories": [["item-1", "item-5"]], "features": {"parity": ["odd"]}}


def test_the_model_beats_popularity(made):
    evaluation = json.loads((made / "evaluation.json").read_text())
    assert evaluation["model"]["recall_at_10"] > 2 * evaluation["popularity"]["recall_at_10"]


def test_the_answer_is_of_the_planted_group_and_the_same_over_both_protocols(server):
    with client.RestClient(server.rest_url) as rest, client.GrpcClient(server.grpc_target) as over:
        over_rest, over_grpc = rest.recommend("shop", **_QUERY)[0], over.recommend("shop", **_QUERY)[0]
    assert [each.candidate_id for each in over_rest] == [each.candidate_id for each in over_grpc]
    # shopper-1 likes group 1; 20 of the 80 candidates are in it.
    assert np.mean([planted_log.group_of(each.candidate_id) == 1 for each in over_rest[:10]]) >= 0.9
    scores = [each.score for each in over_grpc]
    assert scores == sorted(scores, reverse=True)


def test_an_unknown_query_is_answered_from_its_history(server):
    with client.GrpcClient(server.grpc_target) as over:
        answers = over.recommend(
            "shop",
            query_ids=["never seen", "never seen either"],
            histories=[["item-2", "item-6", "item-10"], []],
            features={"parity": ["even", "neither"]},
        )
    assert [len(answer) for answer in answers] == [20, 20]
    assert np.mean([planted_log.group_of(each.candidate_id) == 2 for each in answers[0][:10]]) >= 0.7


_KNOWN = {"query_id": "shopper-1", "history": ["item-1", "item-5"], "parity": "odd"}
_UNKNOWN = {"query_id": "never seen", "history": ["item-2", ""], "parity": "neither"}


def _over_curl(server, instances: list[dict]) -> list[list[str]]:
    assert shutil.which("curl"), "curl is needed by this test; BUILD.md names the packages."
    body = json.dumps({"instances": instances})
    command = ["curl", "--silent", "--show-error", "--data", body, f"{server.rest_url}/v1/models/shop:predict"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [each["candidate_ids"] for each in json.loads(answer)["predictions"]]


def _over_stubs(server, instances: list[dict]) -> list[list[str]]:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "shop"
    for name in _KNOWN:
        request.inputs[name].CopyFrom(tf.make_tensor_proto([each[name] for each in instances]))
    with grpc.insecure_channel(server.grpc_target) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=10.0)
    return np.char.decode(tf.make_ndarray(answer.outputs["candidate_ids"]).astype(bytes), "utf-8").tolist()


@pytest.mark.parametrize("instances", [[_KNOWN], [_UNKNOWN], [_KNOWN, _UNKNOWN, _KNOWN]])
def test_curl_and_the_stubs_of_tensorflow_serving_get_the_same_answer(server, instances):
    answers = _over_curl(server, instances)
    assert answers == _over_stubs(server, instances)
    assert [len(answer) for answer in answers] == [20] * len(instances)


def test_a_request_of_the_wrong_type_is_an_invalid_argument(server):
    with client.GrpcClient(server.grpc_target) as over, pytest.raises(errors.InvalidArgumentError):
        over.predict("shop", {"query_id": np.array([1.5]), "history": [[""]], "parity": ["odd"]})


def test_inputs_of_unequal_length_are_named(server):
    with (
        client.GrpcClient(server.grpc_target) as over,
        pytest.raises(errors.InvalidArgumentError, match="same number of rows"),
    ):
        over.predict("shop", {"query_id": ["a", "b"], "history": [[""]], "parity": ["odd", "odd"]})


_LOAD_AS_TF2 = """
import sys, json, scann, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
function = model.signatures["serving_default"]
specs = function.structured_input_signature[1]
inputs = {name: tf.zeros([0] * spec.shape.rank, spec.dtype) for name, spec in specs.items()}
inputs |= {name: tf.constant(value) for name, value in json.loads(sys.argv[2]).items()}
print(json.dumps([each.decode() for each in function(**inputs)["candidate_ids"].numpy()[0]]))
"""
_LOAD_AS_TF1 = """
import sys, json, scann, tensorflow as tf
from scann.scann_ops.py import scann_ops
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
    signature = graph.signature_def["serving_default"]
    feeds = {signature.inputs[name].name: tf.make_ndarray(value) for name, value in signature.defaults.items()}
    feeds |= {signature.inputs[name].name: value for name, value in json.loads(sys.argv[2]).items()}
    ids = session.run(signature.outputs["candidate_ids"].name, feeds)[0]
print(json.dumps([each.decode() for each in ids]))
"""


def _c_api(version: pathlib.Path, inputs: str, *flags: str) -> list[str]:
    command = [sys.executable, "-m", "serving.c_api_loader", f"--c_api_model_dir={version}", f"--c_api_inputs={inputs}"]
    return [*command, *flags]


def test_every_loader_gives_the_same_ids(made, server):
    inputs = json.dumps({"query_id": ["shopper-1"], "history": [["item-1", "item-5"]], "parity": ["odd"]})
    version = made / "served" / "shop" / "1"
    with client.GrpcClient(server.grpc_target) as over:
        expected = [each.candidate_id for each in over.recommend("shop", **_QUERY)[0]]
    # Python TensorFlow's loaders know nothing of this project.
    loaders = [[sys.executable, "-c", code, str(version), inputs] for code in (_LOAD_AS_TF2, _LOAD_AS_TF1)]
    for printed in _run_at_once(*loaders, cwd=made, env={**os.environ, "PYTHONPATH": ""}):
        assert json.loads(printed) == expected
    # An exact index needs stock operations only, no op library of ScaNN.
    loaders = [_c_api(version, inputs, "--c_api_op_library=scann"), _c_api(made / "exact" / "1", inputs)]
    for printed in _run_at_once(*loaders):
        assert json.loads(printed)["candidate_ids"][0] == expected
