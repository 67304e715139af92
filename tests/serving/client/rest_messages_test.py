"""REST requests and answers against what TensorFlow Serving's documentation writes (its file rest_api.md)."""

import json

import numpy as np
import pytest

from serving import client, errors
from serving.client import model_info, model_request, model_spec, rest_messages

_MODEL = model_spec.ModelSpec("shop")
_STATUS = model_request.StatusRequest(_MODEL)
_SPEC = model_info.TensorSpec("DT_FLOAT", (None,))
_SIGNATURE = model_info.Signature({"x": _SPEC}, {"y": _SPEC})


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (model_spec.ModelSpec("shop"), "/v1/models/shop"),
        (model_spec.ModelSpec("shop", 12), "/v1/models/shop/versions/12"),
        (model_spec.ModelSpec("shop", version_label="stable"), "/v1/models/shop/labels/stable"),
        (model_spec.ModelSpec("a/b c", version_label="é:1"), "/v1/models/a%2Fb%20c/labels/%C3%A9%3A1"),
    ],
)
def test_the_path_names_model_and_version(model, path):
    assert rest_messages.to_http(model_request.StatusRequest(model)) == rest_messages.HttpRequest("GET", path)
    metadata = rest_messages.to_http(model_request.MetadataRequest(model))
    assert metadata == rest_messages.HttpRequest("GET", f"{path}/metadata")
    predicting = rest_messages.to_http(model_request.PredictRequest(model, "s", {}, _SIGNATURE))
    assert (predicting.method, predicting.path) == ("POST", f"{path}:predict")


def test_a_predict_body_is_in_column_format():
    arrays = {"x": np.array([[1.5], [np.nan]]), "texts": np.array(["é", b"\xff", b"a"], object)}
    sent = rest_messages.to_http(model_request.PredictRequest(_MODEL, "score", arrays, _SIGNATURE))
    assert sent.body == (
        b'{"signature_name": "score", "inputs": {"x": [[1.5], [NaN]], "texts": ["\\u00e9", {"b64": "/w=="}, "a"]}}'
    )


def test_a_number_without_a_json_form_is_refused():
    arrays = {"x": np.array([1], np.longdouble)}
    with pytest.raises(
        errors.UnimplementedError, match=r"^A longdouble such as .*1.* has no JSON form; ask over gRPC.$"
    ):
        rest_messages.to_http(model_request.PredictRequest(_MODEL, "s", arrays, _SIGNATURE))


_GARBLED = {
    "nothing": (b"", "The server did not answer JSON, but b''."),
    "a page": (b"<html>", "The server did not answer JSON, but b'<html>'."),
    "half of an answer": (b'{"model_version', "The server did not answer JSON, but b'"),
    "a list": (b"[]", "The server did not answer a JSON object, but b'[]'."),
    "too deep": (b"[" * 100_000, "The server did not answer JSON, but b'[["),
    "another document": (b'{"a": 1}', "The server's answer lacks 'model_version_status'; is this a TensorFlow Serving"),
    "no list": (b'{"model_version_status": 1}', "The server did not answer as TensorFlow Serving does (TypeError: "),
    "no version": (
        b'{"model_version_status": [{}]}',
        "The server did not answer as TensorFlow Serving does (KeyError: ",
    ),
    "no number": (b'{"model_version_status": [{"version": "x"}]}', "as TensorFlow Serving does (ValueError: "),
    "no object": (b'{"model_version_status": [[]]}', "as TensorFlow Serving does (TypeError: "),
    "bytes": (b"\xff\xfe", "The server did not answer JSON, but b'\\xff\\xfe'."),
}


@pytest.mark.parametrize("case", _GARBLED)
def test_an_answer_that_is_none_is_told(case):
    body, sentence = _GARBLED[case]
    with pytest.raises(errors.InternalError) as refusal:
        rest_messages.read(_STATUS, 200, body)
    assert sentence in str(refusal.value)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize(
    "body",
    [
        b'{"model_spec": {}, "metadata": {}}',
        b'{"model_spec": [], "metadata": []}',
        b'{"model_spec": {"name": "a", "version": "1"}, "metadata": {"signature_def": {"signature_def": {"s": 1}}}}',
        b'{"model_spec": {"name": "a", "version": "1"}, "metadata": {"signature_def": {"signature_def": '
        b'{"s": {"inputs": {"x": {}}}}}}}',
    ],
)
def test_garbled_metadata_is_told(body):
    with pytest.raises(errors.InternalError, match=r"^The server did not answer as TensorFlow Serving does"):
        rest_messages.read(model_request.MetadataRequest(_MODEL), 200, body)


def test_other_outputs_than_the_declared_ones_are_told():
    two = model_info.Signature({}, {"y": _SPEC, "z": _SPEC})
    for body in (b'{"outputs": [1.0]}', b'{"outputs": {"y": [1.0]}}', b'{"outputs": {"y": [1.0], "z": [], "a": []}}'):
        with pytest.raises(
            errors.InternalError, match=r"^The server answered other outputs than the \['y', 'z'\] that"
        ):
            rest_messages.read(model_request.PredictRequest(_MODEL, "s", {}, two), 200, body)


@pytest.mark.parametrize(
    ("status", "body", "error_class", "text"),
    [
        (404, b'{"error": "Servable not found"}', errors.NotFoundError, "Servable not found"),
        (429, b'{"error": "full"}', errors.ResourceExhaustedError, "full"),
        (503, b"<html>", errors.UnavailableError, "HTTP status 503 with a body that is not the API's: b'<html>'"),
        (500, b"[1]", errors.InternalError, "HTTP status 500 with a body that is not the API's: b'[1]'"),
        (
            500,
            b'{"error": 1}',
            errors.InternalError,
            "HTTP status 500 with a body that is not the API's: b'{\"error\": 1}'",
        ),
        (302, b"", errors.ServingError, "HTTP status 302 with a body that is not the API's: b''"),
        (502, b"bad gateway", errors.ServingError, "HTTP status 502 with a body that is not the API's: b'bad gateway'"),
    ],
)
def test_a_status_becomes_its_error(status, body, error_class, text):
    with pytest.raises(errors.ServingError) as raised:
        rest_messages.read(_STATUS, status, body)
    assert (type(raised.value), str(raised.value)) == (error_class, text)


def test_a_status_answer_is_typed():
    body = json.dumps(
        {
            "model_version_status": [
                {
                    "version": "9007199254740993",
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                },
                {"version": "2", "state": "END", "status": {"error_code": "NOT_FOUND", "error_message": "gone"}},
            ]
        }
    ).encode()
    assert rest_messages.read(_STATUS, 200, body) == [
        client.ModelVersionStatus(2**53 + 1, "AVAILABLE", errors.StatusCode.OK, ""),
        client.ModelVersionStatus(2, "END", errors.StatusCode.NOT_FOUND, "gone"),
    ]
