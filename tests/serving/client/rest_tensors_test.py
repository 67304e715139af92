"""Numbers of a REST answer are the ones that were sent, or are refused."""

import json

import numpy as np
import pytest

from serving import errors
from serving.client import model_info, rest_tensors


def _read(text, data_type, shape=None):
    return rest_tensors.to_array("y", json.loads(text), model_info.TensorSpec(data_type, shape))


@pytest.mark.parametrize(
    ("text", "data_type", "expected"),
    [
        # 2^53 + 1 and the ends of the ranges: a double cannot hold them.
        ("[9007199254740993, -9223372036854775808]", "DT_INT64", np.array([2**53 + 1, -(2**63)], np.int64)),
        ("[9223372036854775807]", "DT_INT64", np.array([2**63 - 1], np.int64)),
        ("[18446744073709551615, 1]", "DT_UINT64", np.array([2**64 - 1, 1], np.uint64)),
        ("[-128, 127]", "DT_INT8", np.array([-128, 127], np.int8)),
        ("[NaN, Infinity, -Infinity, 1.5]", "DT_FLOAT", np.array([np.nan, np.inf, -np.inf, 1.5], np.float32)),
        ("[NaN, Infinity]", "DT_HALF", np.array([np.nan, np.inf], np.float16)),
        # Nine digits name every float32, and seventeen every float64.
        ("[0.100000001, 3.40282347e+38]", "DT_FLOAT", np.array([0.1, 3.4028235e38], np.float32)),
        ("[0.1, 5e-324]", "DT_DOUBLE", np.array([0.1, 5e-324])),
        ("[3, 3.0]", "DT_FLOAT", np.array([3, 3], np.float32)),
        ("[[true], [false]]", "DT_BOOL", np.array([[True], [False]])),
        ("7", "DT_INT32", np.array(7, np.int32)),
    ],
)
def test_a_number_comes_back_exactly(text, data_type, expected):
    array = _read(text, data_type)
    np.testing.assert_array_equal(array, expected)
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)


@pytest.mark.parametrize(
    ("text", "data_type", "expected"),
    [
        ('["a\\u0000", {"b64": "/wA="}, ""]', "DT_STRING", [b"a\x00", b"\xff\x00", b""]),
        ('[["é"], [""]]', "DT_STRING", [["é".encode()], [b""]]),
        ('{"b64": "YQ=="}', "DT_STRING", b"a"),
    ],
)
def test_texts_come_back_as_bytes(text, data_type, expected):
    assert _read(text, data_type).tolist() == expected


def test_an_empty_list_has_the_dimensions_that_the_signature_declares():
    assert _read("[]", "DT_FLOAT", (None, 3)).shape == (0, 3)
    assert _read("[[], []]", "DT_STRING", (None, None)).shape == (2, 0)
    assert _read("[]", "DT_INT64").shape == (0,)


@pytest.mark.parametrize(
    ("text", "data_type", "sentence"),
    [
        (
            "[1.5]",
            "DT_INT64",
            "Output 'y' is declared as DT_INT64, which holds whole numbers, but the server answered 1.5",
        ),
        ("[1, 2.0]", "DT_INT64", "which holds whole numbers, but the server answered 2.0."),
        ("[NaN]", "DT_INT32", "which holds whole numbers, but the server answered nan."),
        (
            "[9223372036854775808]",
            "DT_INT64",
            "DT_INT64, which cannot hold what the server answered, such as 9223372036",
        ),
        ("[1, 128]", "DT_INT8", "DT_INT8, which cannot hold what the server answered, such as 128."),
        ("[-1]", "DT_UINT64", "DT_UINT64, which cannot hold what the server answered, such as -1."),
        ("[1e39]", "DT_FLOAT", "DT_FLOAT, which cannot hold what the server answered, such as 1e+39."),
        ("[65536.0]", "DT_HALF", "DT_HALF, which cannot hold what the server answered, such as 65536.0."),
        ("[1]", "DT_BOOL", "which holds true and false, but the server answered 1."),
        ("[true]", "DT_FLOAT", "which holds numbers, but the server answered True."),
        ('["NaN"]', "DT_FLOAT", "which holds numbers, but the server answered 'NaN'."),
        ("[null]", "DT_FLOAT", "which holds numbers, but the server answered None."),
        ("[7]", "DT_STRING", "which holds texts, but the server answered 7."),
        (
            '[{"b64": "?"}]',
            "DT_STRING",
            "The server answered output 'y' with {'b64': '?'}, which is no text and no base64",
        ),
        ('[{"b65": ""}]', "DT_STRING", "which is no text and no base64."),
        ('[{"b64": 1}]', "DT_STRING", "which is no text and no base64."),
        ('["\\ud800"]', "DT_STRING", "which is no text and no base64."),
        ("[[1], [1, 2]]", "DT_FLOAT", "The server answered output 'y' with lists of unequal lengths."),
        ("[1, [2]]", "DT_FLOAT", "The server answered output 'y' with lists of unequal lengths."),
        ("[[[1], [1, 2]], [[1], [2, 3]]]", "DT_FLOAT", "The server answered output 'y' with lists of unequal lengths."),
    ],
)
def test_what_is_not_of_the_declared_type_is_refused(text, data_type, sentence):
    with pytest.raises(errors.InternalError) as refusal:
        _read(text, data_type)
    assert sentence in str(refusal.value)


def test_a_type_without_a_json_form_is_refused():
    with pytest.raises(errors.UnimplementedError) as refusal:
        _read("[1.0]", "DT_BFLOAT16")
    assert str(refusal.value) == "Output 'y' is of DT_BFLOAT16, which has no JSON form; ask over gRPC."
