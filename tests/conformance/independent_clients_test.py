"""Clients that others wrote work unchanged: the stubs of tensorflow-serving-api, curl, ovmsclient 2023.1."""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import venv

import pytest

from tests.conformance.citations import Source, cites

_ROOT = pathlib.Path(__file__).parents[2]
_PREDICT = "/v1/models/half_plus_two:predict"

_STUBS = """
import sys
import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

channel = grpc.insecure_channel(sys.argv[1])
request = predict_pb2.PredictRequest()
request.model_spec.name = "half_plus_two"
request.model_spec.signature_name = "serving_default"
request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0], [5.0]]))
answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, 10.0)
print(tf.make_ndarray(answer.outputs["y"]).ravel().tolist(), answer.model_spec.version.value)
status = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "half_plus_two"})
print(model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, 10.0).model_version_status[0].state)
assert not {"serving", "tfrs_model"} & set(sys.modules)
"""


@cites(Source.MODEL_SERVER_TEST, "VerifyPredictRequest, testGetModelStatus: a script of its own with the stubs")
def test_a_script_with_the_stubs_gets_its_answers(endpoint):
    done = subprocess.run(
        [sys.executable, "-I", "-c", _STUBS, endpoint.grpc_target],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "[2.5, 4.5] 123\n30\n"


@pytest.fixture
def curl(endpoint):
    """Runs curl on a path of the REST API and returns what it printed."""
    assert shutil.which("curl"), "curl is needed by this test; BUILD.md names the packages."

    def run(path, *options, **keywords):
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            *options,
            f"http://{endpoint.rest_target}{path}",
        ]
        return subprocess.run(command, capture_output=True, check=True, timeout=60, **keywords).stdout.decode()

    return run


@cites(Source.API_REST, "Example: Make REST API calls to ModelServer, with curl -d and -X POST")
def test_curl_gets_the_examples_of_the_documentation(curl):
    body = '{"instances": [1.0,2.0,5.0]}'
    rows = '{\n    "predictions": [3.5, 4.0, 5.5\n    ]\n}'
    assert curl("/v1/models/half_plus_three:predict", "-d", body, "-X", "POST") == rows
    assert curl("/v1/models/half_plus_three:predict", "-d", body, "--http1.0") == rows
    assert '"state": "AVAILABLE"' in curl("/v1/models/half_plus_three")
    assert json.loads(curl("/v1/models/half_plus_three/metadata"))["model_spec"]["version"] == "123"


@cites(Source.API_REST, "Example: curl -i of a model that is not there: 404, Content-Type application/json")
def test_curl_sees_status_and_headers_of_a_refusal(curl):
    printed = curl("/v1/models/half:predict", "-i", "-d", '{"instances": [1.0,5.0]}')
    head, _, body = printed.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 404 Not Found\r\n")
    assert "\r\nContent-Type: application/json\r\n" in f"{head}\r\n"
    assert json.loads(body) == {"error": "Servable not found for request: Latest(half)"}


@cites(Source.CURL, "--data-binary @-, -T, -w %{http_code}, --next; Expect: 100-continue above a megabyte")
def test_curl_sends_bodies_of_every_kind(curl):
    large = json.dumps({"instances": [1.0] * 300_000}).encode()
    for options in (["--data-binary", "@-"], ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"]):
        assert len(json.loads(curl(_PREDICT, *options, input=large))["predictions"]) == 300_000
    compressed = gzip.compress(b'{"instances": [1.0]}')
    options = ["-H", "Content-Encoding: gzip", "--data-binary", "@-"]
    assert json.loads(curl(_PREDICT, *options, input=compressed)) == {"predictions": [2.5]}


@pytest.fixture(scope="module")
def ovmsclient_python(tmp_path_factory):
    """An environment with ovmsclient 2023.1 alone, in the versions of constraints.txt, and its Python."""
    folder = tmp_path_factory.mktemp("ovmsclient")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "-c", str(_ROOT / "constraints.txt")]
    done = subprocess.run([*command, "ovmsclient==2023.1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return python


@pytest.fixture(scope="module")
def ovms_answers(ovmsclient_python, endpoint):
    script = pathlib.Path(__file__).with_name("ovms_client.py")
    command = [str(ovmsclient_python), "-I", str(script), endpoint.grpc_target, endpoint.rest_target]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


_OVMS_USAGE = "Usage example: get_model_status, get_model_metadata, predict"


@pytest.mark.drill
@cites(Source.OVMSCLIENT, _OVMS_USAGE)
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_ovmsclient_gets_status_and_predictions(ovms_answers, protocol):
    answers = ovms_answers[protocol]
    assert answers["status"] == {"123": {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}
    assert answers["predict"] == [[2.5], [4.5]]


@pytest.mark.drill
@cites(Source.OVMSCLIENT, _OVMS_USAGE)
def test_ovmsclient_gets_metadata(ovms_answers):
    assert ovms_answers["grpc"]["metadata"] == {
        "model_version": 123,
        "inputs": {"x": {"shape": [-1, 1], "dtype": "DT_FLOAT"}},
        "outputs": {"y": {"shape": [-1, 1], "dtype": "DT_FLOAT"}},
    }
    # Over HTTP it knows the names that OpenVINO's server has for the fields, and hands on TensorFlow Serving's as JSON.
    over_http = ovms_answers["http"]["metadata"]
    assert over_http["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    assert "serving_default" in over_http["metadata"]["signature_def"]["signature_def"]


@pytest.mark.drill
@cites(Source.OVMSCLIENT, "grpc_client, http_client: InvalidInputError, ModelNotFoundError")
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_ovmsclient_knows_the_errors(ovms_answers, protocol):
    answers = ovms_answers[protocol]
    assert answers["wrong input"][0] == "InvalidInputError"
    assert answers["wrong model"][0] == "ModelNotFoundError"
    assert answers["wrong model"][1].endswith("Servable not found for request: Specific(absent, 123)")
    assert answers["version 0"][1].endswith("Servable not found for request: Specific(half_plus_two, 0)")


@pytest.mark.drill
@cites(Source.OVMSCLIENT, "predict: an input of strings, several outputs by name")
def test_ovmsclient_asks_the_recommender(ovms_answers):
    assert len(ovms_answers["candidates"]) == 5
    assert all(each.startswith("item-") for each in ovms_answers["candidates"])
