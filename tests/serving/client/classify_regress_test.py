"""Classify and regress: what is sent and how answers are read, by the protocol's messages and documented JSON."""

import json

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving import client, errors
from serving.client import grpc_messages, model_request, model_spec, rest_messages
from tests.serving import example_models, tiny_models
from tests.serving.client import four_clients

_MODEL = model_spec.ModelSpec("iris", 3)
_EXAMPLES = [{"size": [1.5], "count": [2], "name": ["a", b"\xff"], "none": []}, {"size": [float("nan")]}]


def _classify(context=None):
    return model_request.ClassifyRequest(_MODEL, "classes", _EXAMPLES, context)


def test_over_rest_each_example_is_an_object_of_lists():
    sent = rest_messages.to_http(_classify({"place": ["b"]}))
    assert (sent.method, sent.path) == ("POST", "/v1/models/iris/versions/3:classify")
    # json_tensor.cc reads a number with a decimal point as float, and one without as int64.
    assert sent.body == (
        b'{"signature_name": "classes", "examples": [{"size": [1.5], "count": [2], "name": ["a", {"b64": "/w=="}], '
        b'"none": []}, {"size": [NaN]}], "context": {"place": ["b"]}}'
    )
    assert b"context" not in rest_messages.to_http(_classify()).body
    regress = rest_messages.to_http(model_request.RegressRequest(_MODEL, "classes", _EXAMPLES, None))
    assert (regress.path, regress.body) == (
        "/v1/models/iris/versions/3:regress",
        rest_messages.to_http(_classify()).body,
    )


def test_over_grpc_each_example_is_a_message():
    message = grpc_messages.to_message(_classify())
    expected = classification_pb2.ClassificationRequest()
    text_format.Parse(
        """
        model_spec { name: "iris" version { value: 3 } signature_name: "classes" }
        input { example_list { examples { features {
          feature { key: "size" value { float_list { value: 1.5 } } }
          feature { key: "count" value { int64_list { value: 2 } } }
          feature { key: "name" value { bytes_list { value: "a" value: "\\377" } } }
          feature { key: "none" value { } }
        } }
        examples { features { feature { key: "size" value { float_list { value: nan } } } } } } }
        """,
        expected,
    )
    assert text_format.MessageToString(message) == text_format.MessageToString(expected)


def test_over_grpc_a_context_goes_beside_the_examples():
    message = grpc_messages.to_message(model_request.RegressRequest(_MODEL, "r", [{"a": [1]}], {"b": ["c"]}))
    assert isinstance(message, regression_pb2.RegressionRequest)
    shared = message.input.example_list_with_context
    assert list(shared.context.features.feature["b"].bytes_list.value) == [b"c"]
    assert [list(each.features.feature["a"].int64_list.value) for each in shared.examples] == [[1]]


# The float32 nearest to .1 has these nine digits; as a double it is .100000001490116...
_TENTH = float(np.float32(0.1))


def test_classes_are_the_same_over_both():
    expected = [[client.ScoredClass("setosa", _TENTH), client.ScoredClass("é", 0.5)], [client.ScoredClass("", 0.0)]]
    body = '{"results": [[["setosa", 0.100000001], ["é", 0.5]], [["", 0.0]]]}'.encode()
    assert rest_messages.read(_classify(), 200, body) == expected
    message = classification_pb2.ClassificationResponse(
        result={
            "classifications": [
                {"classes": [{"label": "setosa", "score": 0.1}, {"label": "é", "score": 0.5}]},
                {"classes": [{}]},
            ]
        }
    )
    assert grpc_messages.read(_classify(), message) == expected


def test_regressions_are_the_same_over_both():
    request = model_request.RegressRequest(_MODEL, "r", _EXAMPLES, None)
    expected = np.array([0.1, np.nan, -np.inf], np.float32)
    over_rest = rest_messages.read(request, 200, b'{"results": [0.100000001, NaN, -Infinity]}')
    message = regression_pb2.RegressionResponse(
        result={"regressions": [{"value": 0.1}, {"value": float("nan")}, {"value": -float("inf")}]}
    )
    for answer in (over_rest, grpc_messages.read(request, message)):
        np.testing.assert_array_equal(answer, expected)
        assert answer.dtype == np.float32


@pytest.mark.parametrize(
    "results",
    [None, 1, [1], [["a", 0.5]], [[["a"]]], [[["a", 0.5, 1]]], [[[1, 0.5]]], [[["a", "0.5"]]], [[["a", None]]]],
)
def test_garbled_classes_are_told(results):
    with pytest.raises(errors.InternalError):
        rest_messages.read(_classify(), 200, json.dumps({"results": results}).encode())


@pytest.mark.parametrize("results", [None, ["a"], [[1.0], [1.0, 2.0]], [True], [1e39], 0.5, [[0.5]]])
def test_garbled_regressions_are_told(results):
    request = model_request.RegressRequest(_MODEL, "r", _EXAMPLES, None)
    with pytest.raises(errors.InternalError):
        rest_messages.read(request, 200, json.dumps({"results": results}).encode())


@pytest.fixture(scope="module")
def server(upstream_dir, tmp_path_factory):
    """TensorFlow Serving's half_plus_two as version 123, and animals as version 124."""
    base_path = tmp_path_factory.mktemp("examples")
    tiny_models.publish(upstream_dir, base_path, 123)
    example_models.export_animals(base_path / "124")
    policy = base_path / "models.config"
    policy.write_text(
        f"""model_config_list {{ config {{
          name: "tiny" base_path: "{base_path}" model_platform: "tensorflow" model_version_policy {{ all {{ }} }}
        }} }}""",
        encoding="utf-8",
    )
    with tiny_models.running_server(None, model_config_file=policy) as config:
        yield config


@pytest.fixture(params=four_clients.KINDS)
def asked(request, server):
    with four_clients.connected(request.param, server) as made:
        yield made


def test_every_client_regresses(asked):
    # x * .5 + 2
    answer = asked.regress("tiny", [{"x": 1.0}, {"x": [0.1]}], signature_name="regress_x_to_y", version=123)
    np.testing.assert_array_equal(answer, np.array([1.0, 0.1], np.float32) * np.float32(0.5) + np.float32(2))
    # A context is part of every example.
    shared = asked.regress("tiny", [{}, {}], context={"x": 2.0}, signature_name="regress_x_to_y", version=123)
    assert shared.tolist() == [3.0, 3.0]


def test_every_client_classifies(asked):
    answer = asked.classify("tiny", [{"x": 0.75}, {"x": 0.0}], version=124)
    assert answer == [
        [client.ScoredClass("cat", 0.75), client.ScoredClass("dög", 0.25)],
        [client.ScoredClass("cat", 0.0), client.ScoredClass("dög", 1.0)],
    ]


def test_every_client_is_told_what_the_server_refuses(asked):
    with pytest.raises(errors.InvalidArgumentError):
        asked.classify("tiny", [], version=124)
    with pytest.raises(errors.InvalidArgumentError):
        asked.regress("tiny", [{"x": "a text"}], signature_name="regress_x_to_y", version=123)
    with pytest.raises(errors.NotFoundError):
        asked.regress("absent", [{"x": 1.0}])
