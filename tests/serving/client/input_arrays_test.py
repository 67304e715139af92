import numpy as np
import pytest

from serving import errors
from serving.client import input_arrays, model_info


def _to_array(values, data_type):
    signature = model_info.Signature({"x": model_info.TensorSpec(data_type, None)}, {})
    return input_arrays.to_arrays({"x": values}, signature)["x"]


@pytest.mark.parametrize(
    ("values", "data_type", "expected"),
    [
        ([1, 2], "DT_FLOAT", np.array([1, 2], np.float32)),
        ([0.1], "DT_FLOAT", np.array([0.1], np.float32)),
        (3, "DT_INT32", np.array(3, np.int32)),
        ([True], "DT_BOOL", np.array([True])),
        ([], "DT_INT64", np.zeros(0, np.int64)),
        ([[], []], "DT_FLOAT", np.zeros([2, 0], np.float32)),
    ],
)
def test_a_list_becomes_an_array_of_the_declared_type(values, data_type, expected):
    array = _to_array(values, data_type)
    np.testing.assert_array_equal(array, expected)
    assert array.dtype == expected.dtype


def test_strings_keep_their_bytes():
    assert _to_array([["a\x00", b"b\x00"]], "DT_STRING").tolist() == [["a\x00", b"b\x00"]]
    assert _to_array(np.array(["a"]), "DT_STRING").dtype == object
    assert _to_array([[], []], "DT_STRING").shape == (2, 0)


def test_an_array_is_left_to_the_server_to_judge():
    assert _to_array(np.array([1.5]), "DT_INT32").dtype == np.float64


def test_an_input_that_the_signature_does_not_know_is_sent_all_the_same():
    assert input_arrays.to_arrays({"x": [1]}, model_info.Signature({}, {}))["x"].tolist() == [1]


@pytest.mark.parametrize(
    ("values", "data_type", "text"),
    [
        ([1.5], "DT_INT32", "takes DT_INT32, which cannot hold float64 values such as"),
        ([1 << 40], "DT_INT32", "takes DT_INT32, which cannot hold int64 values such as"),
        ([-1], "DT_UINT8", "takes DT_UINT8, which cannot hold int64 values such as"),
        ([16777217], "DT_FLOAT", "takes DT_FLOAT, which cannot hold int64 values such as"),
        ([1e300], "DT_FLOAT", "takes DT_FLOAT, which cannot hold float64 values such as"),
        ([1], "DT_BOOL", "takes DT_BOOL, which cannot hold int64 values such as"),
        ([None], "DT_FLOAT", "takes DT_FLOAT, which cannot hold object values such as None unchanged"),
        (["1"], "DT_FLOAT", "takes DT_FLOAT, but contains '1'."),
        (["a", 1], "DT_STRING", "takes strings, but contains 1."),
        ([["a"], ["a", "b"]], "DT_STRING", "is a ragged list; all lists at one depth must have the same length."),
    ],
)
def test_a_value_that_would_change_is_refused(values, data_type, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        _to_array(values, data_type)
    assert str(refusal.value).startswith(f"Input 'x' {text}")
