import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2, regression_pb2

from serving import errors
from serving.server import json_document, json_examples


def _fill(body, request_class=classification_pb2.ClassificationRequest):
    request = request_class()
    json_examples.fill(request, json_document.parse(body if isinstance(body, bytes) else body.encode()))
    return request


def _features(body):
    return _fill(body).input.example_list.examples[0].features.feature


# Documents and messages of RequestNoContext and RequestWithContextAndSignature in TensorFlow Serving's
# util/json_tensor_test.cc.
@pytest.mark.parametrize("request_class", [classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest])
def test_examples_become_messages(request_class):
    body = '{"examples": [{"names": ["foo", "bar"], "ratings": [8.0, 9.0], "age": 20}, {"names": ["baz"]}]}'
    expected = """input { example_list {
        examples { features {
            feature { key: "names" value { bytes_list { value: "foo" value: "bar" } } }
            feature { key: "ratings" value { float_list { value: 8.0 value: 9.0 } } }
            feature { key: "age" value { int64_list { value: 20 } } } } }
        examples { features { feature { key: "names" value { bytes_list { value: "baz" } } } } } } }"""
    assert _fill(body, request_class).input == text_format.Parse(expected, request_class()).input


def test_a_context_and_a_signature_come_along():
    request = _fill(
        """{"signature_name": "custom", "context": {"query": "pizza", "location": ["sfo"]},
            "examples": [{"names": ["baz", {"b64": "aGVsbG8="}], "mix": [1, true, false]}]}"""
    )
    expected = """model_spec { signature_name: "custom" } input { example_list_with_context {
        context { features {
            feature { key: "query" value { bytes_list { value: "pizza" } } }
            feature { key: "location" value { bytes_list { value: "sfo" } } } } }
        examples { features {
            feature { key: "names" value { bytes_list { value: "baz" value: "hello" } } }
            feature { key: "mix" value { int64_list { value: 1 value: 1 value: 0 } } } } } } }"""
    assert request == text_format.Parse(expected, classification_pb2.ClassificationRequest())


def test_nan_and_the_infinities_are_floats():
    values = _features('{"examples": [{"x": [NaN, Infinity, -Infinity]}]}')["x"].float_list.value
    np.testing.assert_array_equal(values, [np.nan, np.inf, -np.inf])


def test_whole_numbers_beyond_64_bits_are_floats():
    # RapidJSON reads them so: IsDouble, and not IsUint64.
    feature = _features('{"examples": [{"x": [18446744073709551616, -9223372036854775809]}]}')["x"]
    assert list(feature.float_list.value) == [2.0**64, -(2.0**63)]
    assert list(_features('{"examples": [{"x": -9223372036854775808}]}')["x"].int64_list.value) == [-(2**63)]


def test_an_empty_list_is_a_feature_without_values():
    request = _fill('{"examples": [{"x": []}, {}]}')
    assert request.input.example_list.examples[0].features.feature["x"] == tf.train.Feature()
    assert request.input.example_list.examples[1] == tf.train.Example()


def test_strings_pass_byte_for_byte():
    assert list(_features(b'{"examples": [{"x": "\xff\\u0000"}]}')["x"].bytes_list.value) == [b"\xff\x00"]


def test_an_object_that_looks_like_base64_is_an_example_all_the_same():
    assert list(_features('{"examples": [{"b64": "aGk="}]}')["b64"].bytes_list.value) == [b"aGk="]


# Texts as in util/json_tensor.cc; most documents are those of JsonErrors in its test.
_REFUSED = [
    ('{"signature_name": ["hello"], "examples": [{"a": 1}]}', "'signature_name' key must be a string value."),
    ('{"context": [{"a": 1}], "examples": [{"a": 1}]}', "Example must be JSON object but got JSON Array"),
    ('{"context": null, "examples": [{"a": 1}]}', "Example must be JSON object but got JSON Null"),
    ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
    ('{"examples": {"a": 1}}', "Expecting 'examples' value to be an list/array"),
    ('{"examples": []}', "'examples' value is an empty array"),
    ('{"examples": [[{"a": 1}]]}', "Example must be JSON object but got JSON Array"),
    ('{"examples": [{"a": 1}, 2]}', "Example must be JSON object but got JSON Number"),
    ('{"examples": [{"a": [10, null]}]}', "Feature: a has element with unexpected JSON type: Null"),
    ('{"examples": [{"a": null}]}', "Feature: a has element with unexpected JSON type: Null"),
    ('{"examples": [{"a": [10, {"test": 10}]}]}', "Feature: a has element with unexpected JSON type: Object"),
    ('{"examples": [{"a": [[10], 20]}]}', "Feature: a has element with unexpected JSON type: Array"),
    ('{"examples": [{"a": [10, 10.0]}]}', "Unexpected element type in feature: a expecting type: int64"),
    ('{"examples": [{"a": [10.0, 10]}]}', "Unexpected element type in feature: a expecting type: float"),
    ('{"examples": [{"a": ["10", true]}]}', "Unexpected element type in feature: a expecting type: bytes"),
    ('{"examples": [{"a": [1, "10"]}]}', "Unexpected element type in feature: a expecting type: int64"),
    ('{"examples": [{"a": [1, {"b64": "aGk="}]}]}', "Unexpected element type in feature: a expecting type: int64"),
    ('{"examples": [{"a": {"b64": "?"}}]}', "Unable to base64 decode"),
    (
        '{"examples": [{"a": [20, 18446744073709551603]}]}',
        "Feature: a has uint64 element. Only int64 is supported.",
    ),
    (
        '{"examples": [{"a": 1.79769e+308}]}',
        "Cannot convert JSON value: 1.79769e+308 to float without loss of precision.",
    ),
]


@pytest.mark.parametrize(("body", "text"), _REFUSED, ids=[row[0] for row in _REFUSED])
def test_a_wrong_document_gets_the_sentence_of_tensorflow_serving(body, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        _fill(body)
    assert str(refusal.value).endswith(text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"signature_name": "\xff", "examples": [{}]}', 'signature_name must be UTF-8, but one came as "\\xff".'),
        (b'{"examples": [{"\xff": 1}]}', 'Names of features must be UTF-8, but one came as "\\xff".'),
        (b'{"examples": [{"\\ud800": 1}]}', "The surrogate pair in string is invalid."),
    ],
)
def test_names_that_no_message_can_hold_are_refused(body, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        _fill(body)
    assert text in str(refusal.value)


def test_a_whole_number_too_long_for_a_double_is_refused():
    with pytest.raises(errors.InvalidArgumentError, match="without loss of precision"):
        _fill(json.dumps({"examples": [{"a": 10**400}]}))
