import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from serving import errors
from serving.server import tensor_json

_FLOAT, _DOUBLE, _INT32, _INT64 = types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_INT32, types_pb2.DT_INT64
_UINT8, _STRING, _BOOL = types_pb2.DT_UINT8, types_pb2.DT_STRING, types_pb2.DT_BOOL


def _read(document, **data_types):
    return tensor_json.read_inputs(document, data_types or {"x": _INT32})


def test_rows_of_one_input_stack_along_a_new_first_dimension():
    inputs = _read({"instances": [[1, 2], [3, 4], [5, 6]]})
    assert inputs.is_row_format
    np.testing.assert_array_equal(inputs.arrays["x"], np.array([[1, 2], [3, 4], [5, 6]], np.int32))
    assert inputs.arrays["x"].dtype == np.int32


def test_rows_of_named_inputs_give_each_its_own_tensor():
    instances = [
        {"tag": "foo", "signal": [1, 2.5], "sensor": [[1, 2], [3, 4]]},
        {"tag": "bar", "signal": [float("nan"), 4], "sensor": [[4, 5], [6, 8]]},
    ]
    arrays = _read({"instances": instances}, tag=_STRING, signal=_FLOAT, sensor=_INT64).arrays
    assert arrays["tag"].tolist() == [b"foo", b"bar"]
    np.testing.assert_array_equal(arrays["signal"], np.array([[1, 2.5], [np.nan, 4]], np.float32))
    assert arrays["sensor"].shape == (2, 2, 2)


def test_columns_keep_the_shape_they_have():
    inputs = _read({"inputs": {"tag": ["foo"], "n": 3}}, tag=_STRING, n=_INT64)
    assert not inputs.is_row_format
    assert inputs.arrays["tag"].tolist() == [b"foo"]
    assert inputs.arrays["n"].shape == ()


def test_a_single_column_may_go_without_its_name():
    assert _read({"inputs": [[1], [2]]}).arrays["x"].shape == (2, 1)
    assert _read({"inputs": {"b64": "aGVsbG8="}}, x=_STRING).arrays["x"].item() == b"hello"


def test_base64_is_decoded_with_or_without_padding():
    inputs = _read({"instances": [{"b64": "aGVsbG8="}, {"b64": "aGVsbG8"}, "plain"]}, x=_STRING)
    assert inputs.arrays["x"].tolist() == [b"hello", b"hello", b"plain"]


def test_strings_keep_their_zero_bytes():
    assert _read({"instances": ["a\x00", "é"]}, x=_STRING).arrays["x"].tolist() == [b"a\x00", "é".encode()]


def test_empty_lists_are_empty_tensors():
    assert _read({"inputs": [[], []]}).arrays["x"].shape == (2, 0)


# To RapidJSON they are doubles (reader.h, ParseNumber), and json_tensor.cc's IsLosslessDecimal tests whole numbers.
def test_whole_numbers_beyond_64_bits_are_decimals():
    inputs = {"inputs": [1 << 64, -(1 << 63) - 1, 10**300]}
    assert _read(inputs, x=_DOUBLE).arrays["x"].tolist() == [2.0**64, -(2.0**63), 1e300]


# Texts as in tensorflow_serving/util/json_tensor.cc.
_REFUSED = [
    ({}, {}, "Missing 'inputs' or 'instances' key"),
    ({"instances": [1], "inputs": [1]}, {}, "Not formatted correctly expecting only one of 'inputs' or 'instances'"),
    ({"instances": 1}, {}, "Excepting 'instances' to be an list/array"),
    ({"instances": []}, {}, "No values in 'instances' array"),
    ({"instances": [1]}, {"a": _INT32, "b": _INT32}, "instances is a plain list, but expecting list of objects"),
    ({"inputs": [1]}, {"a": _INT32, "b": _INT32}, "inputs is a plain value/list, but expecting an object"),
    ({"inputs": {"a": 1}}, {"a": _INT32, "b": _INT32}, "Missing named input: b in 'inputs' object."),
    ({"instances": [[1, 2], [3]]}, {}, "Expecting tensor size: 2 but got: 1"),
    ({"instances": [[1, 2], [[3, 4]]]}, {}, "Expecting shape [2] but got: [1,2]"),
    ({"instances": [1, [1]]}, {}, "Expecting shape [] but got: [1]"),
    ({"instances": [{"x": 1}, [2]]}, {}, "Expecting object but got list at item 1 of input list"),
    ({"instances": [[2], {"x": 1}]}, {}, "Expecting value/list but got object at item 1 of input list"),
    (
        {"instances": [{"y": 1}]},
        {},
        "element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: y",
    ),
    ({"instances": [{"a": 1}]}, {"a": _INT32, "b": _INT32}, "keys must be equal to: a,b"),
    ({"inputs": [[1, 2], [3]]}, {}, "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ({"inputs": [1, [2]]}, {}, "Encountered list at unexpected level: 1 expected < 1"),
    ({"inputs": [[1], 2]}, {}, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ({"inputs": ["a"]}, {}, 'JSON Value: "a" Type: String is not of expected type: int32'),
    ({"inputs": [None]}, {}, "JSON Value: null Type: Null is not of expected type: int32"),
    ({"inputs": [1.0]}, {}, "JSON Value: 1.0 Type: Number is not of expected type: int32"),
    ({"inputs": [True]}, {}, "JSON Value: true Type: True is not of expected type: int32"),
    ({"inputs": [1 << 31]}, {}, "Type: Number is not of expected type: int32"),
    ({"inputs": [256]}, {"x": _UINT8}, "JSON Value: 256 Type: Number is not of expected type: uint8"),
    ({"inputs": [1]}, {"x": _BOOL}, "Type: Number is not of expected type: bool"),
    ({"inputs": [1]}, {"x": _STRING}, "Type: Number is not of expected type: string"),
    ({"inputs": [{"b64": "a", "c": 1}]}, {"x": _STRING}, "not formatted correctly for base64 data"),
    ({"inputs": [{"b64": "&&&&"}]}, {"x": _STRING}, "Unable to base64 decode"),
    ({"inputs": [16777217]}, {"x": _FLOAT}, "Cannot convert JSON value: 16777217 to float without loss of precision."),
    ({"inputs": [1e300]}, {"x": _FLOAT}, "Cannot convert JSON value: 1e+300 to float without loss of precision."),
    ({"inputs": [(1 << 64) - 1]}, {"x": _FLOAT}, "18446744073709551615 to float without loss of precision."),
    ({"inputs": [10**40]}, {"x": _FLOAT}, "to float without loss of precision."),
    ({"inputs": [9007199254740993]}, {"x": _DOUBLE}, "to double without loss of precision."),
    ({"inputs": [1]}, {"x": types_pb2.DT_COMPLEX64}, "Conversion of JSON Value: [\n    1\n] to type: complex64"),
]


@pytest.mark.parametrize(("document", "data_types", "text"), _REFUSED, ids=[text for _, _, text in _REFUSED])
def test_what_is_no_tensor_gets_the_sentence_of_tensorflow_serving(document, data_types, text):
    with pytest.raises(errors.ServingError) as refusal:
        _read(document, **data_types)
    assert text in str(refusal.value)


def test_inputs_with_a_default_may_be_left_out():
    data_types = {"id": _STRING, "k": _INT32, "age": _FLOAT}
    columns = tensor_json.read_inputs({"inputs": {"id": ["a"]}}, data_types, ["k", "age"])
    assert {name: array.tolist() for name, array in columns.arrays.items()} == {"id": [b"a"]}
    instances = [{"id": "a", "k": 1}, {"id": "b", "k": 2}]
    rows = tensor_json.read_inputs({"instances": instances}, data_types, ["k", "age"])
    assert {name: array.tolist() for name, array in rows.arrays.items()} == {"id": [b"a", b"b"], "k": [1, 2]}
    assert tensor_json.read_inputs({"inputs": {}}, data_types, data_types).arrays == {}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"inputs": {"k": [1]}}, "Missing named input: id in 'inputs' object."),
        ({"inputs": {"id": ["a"], "kk": [1]}}, "Signature has no input named kk; its inputs are id,k."),
        ({"instances": [{"k": 1}]}, "keys must be equal to: id,k"),
        ({"instances": [{"id": "a", "kk": 1}]}, "does not have named input: kk"),
        ({"instances": [{"id": "a", "k": 1}, {"id": "b"}]}, "element: 1 of 'instances' list."),
        ({"instances": [{"id": "a", "k": 1}, {"id": "b"}]}, "keys must be those of the first: id,k"),
        ({"instances": [{"id": "a"}, {"id": "b", "k": 1}]}, "keys must be those of the first: id"),
    ],
)
def test_inputs_without_a_default_and_misspelt_ones_are_refused(document, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        tensor_json.read_inputs(document, {"id": _STRING, "k": _INT32}, ["k"])
    assert text in str(refusal.value)


def test_lists_nested_beyond_any_tensor_are_refused():
    value = 1
    for _ in range(200):
        value = [value]
    with pytest.raises(errors.InvalidArgumentError, match="Lists may be nested 64 deep at most"):
        tensor_json.read_tensor(value, _INT32)


def test_a_signature_name_has_to_be_a_string():
    assert tensor_json.signature_name({"signature_name": "text"}) == "text"
    assert tensor_json.signature_name({}) == ""
    with pytest.raises(errors.InvalidArgumentError, match="'signature_name' key must be a string value"):
        tensor_json.signature_name({"signature_name": 5})
