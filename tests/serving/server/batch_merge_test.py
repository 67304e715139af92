import numpy as np
import pytest

from serving import errors
from serving.server import batch_merge


def _first(name, array):
    return array.flat[0]


def _strings(*values):
    return np.array(values, object)


def test_requests_stand_below_each_other_input_by_input():
    merged = batch_merge.merged(
        [{"a": np.array([1, 2]), "b": np.array([[0.5], [1.5]])}, {"a": np.array([3]), "b": np.array([[2.5]])}],
        3,
        _first,
    )
    assert merged["a"].tolist() == [1, 2, 3]
    assert merged["b"].tolist() == [[0.5], [1.5], [2.5]]


def test_a_batch_is_filled_up_with_its_first_row():
    # MergeInputTensors in batching_session.cc: a row of which it is certain that the graph can take it.
    merged = batch_merge.merged([{"a": np.array([[1, 2]])}, {"a": np.array([[3, 4]])}], 5, _first)
    assert merged["a"].tolist() == [[1, 2], [3, 4], [1, 2], [1, 2], [1, 2]]


def test_shorter_lists_are_filled_up_behind_their_values_in_every_dimension_but_the_rows():
    # The example of AddPadding in batching_util.h: [1, 2, 3, 4] becomes [1, 2, 5, 8], filled with element [0][0][0][0].
    short = np.arange(7, 31).reshape(1, 2, 3, 4)
    long = np.zeros([2, 2, 5, 8], int)
    merged = batch_merge.merged([{"a": short}, {"a": long}], 3, _first)["a"]
    assert merged.shape == (3, 2, 5, 8)
    assert merged[0, :, :3, :4].tolist() == short[0].tolist()
    assert (merged[0, :, 3:, :] == 7).all()
    assert (merged[0, :, :, 4:] == 7).all()
    assert (merged[1:] == 0).all()


def test_the_filling_is_asked_for_by_name_and_array():
    requests = [{"a": np.array([[1]]), "b": np.array([[2]])}, {"a": np.array([[3, 3]]), "b": np.array([[4, 4]])}]
    merged = batch_merge.merged(requests, 2, lambda name, array: {"a": 10, "b": 20}[name] + array.flat[0])
    assert (merged["a"].tolist(), merged["b"].tolist()) == ([[1, 11], [3, 3]], [[2, 22], [4, 4]])


def test_texts_keep_zeros_at_their_end_when_they_fill_up():
    merged = batch_merge.merged([{"a": np.array([[b"x\0"]], object)}, {"a": _strings([b"y", b"z"])}], 2, _first)["a"]
    assert merged.tolist() == [[b"x\0", b"x\0"], [b"y", b"z"]]


def test_a_request_by_itself_is_not_copied():
    alone = np.array([1.0])
    assert batch_merge.merged([{"a": alone}], 1, _first)["a"] is alone


def test_every_request_gets_its_own_rows_and_nobody_those_that_filled_up():
    outputs = {"y": np.array([10, 11, 12, 10]), "z": _strings(b"a", b"b", b"c", b"a")}
    answers = batch_merge.split(outputs, [1, 2], 4)
    assert [(each["y"].tolist(), each["z"].tolist()) for each in answers] == [
        ([10], [b"a"]),
        ([11, 12], [b"b", b"c"]),
    ]


# SplitOutputTensors in batching_session.cc of TensorFlow Serving.
@pytest.mark.parametrize(
    ("output", "text"),
    [
        (np.array(3.0), "Batched output tensor has 0 dimensions"),
        (
            np.array([3.0]),
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        ),
    ],
)
def test_an_output_of_other_rows_is_refused(output, text):
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        batch_merge.split({"y": np.zeros(2), "total": output}, [1, 1], 2)
    assert str(refusal.value) == text


def test_the_parts_of_a_request_are_joined_in_order():
    parts = [{"y": np.array([[1], [2]])}, {"y": np.array([[3]])}]
    assert batch_merge.joined(parts)["y"].tolist() == [[1], [2], [3]]


def test_parts_of_different_widths_are_refused():
    with pytest.raises(errors.InternalError, match=r"^Tensor concat operation failed: .*send fewer rows at once"):
        batch_merge.joined([{"y": np.zeros([1, 2])}, {"y": np.zeros([1, 3])}])
