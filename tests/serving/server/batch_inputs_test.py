import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server import batch_inputs, batching_parameters

_SPECS = {
    "ids": (tf.string, [None]),
    "history": (tf.string, [None, None]),
    "weights": (tf.float32, [None, None]),
    "moments": (tf.int64, [None, None]),
    "candidate_ids": (tf.string, [None, None]),
    "k": (tf.int32, [None]),
    "scale": (tf.float32, []),
}
_NO_ROWS = {
    "ids": np.zeros([0], object),
    "history": np.zeros([0, 0], object),
    "weights": np.zeros([0, 0], np.float32),
    "moments": np.zeros([0, 0], np.int64),
    "candidate_ids": np.zeros([0, 0], object),
    "k": np.zeros([0], np.int32),
}


def _signature(defaults=_NO_ROWS, names=tuple(_SPECS), **parameters):
    """A signature with some of the inputs, and their defaults."""
    proto = meta_graph_pb2.SignatureDef()
    for name in names:
        dtype, shape = _SPECS[name]
        proto.inputs[name].dtype = dtype.as_datatype_enum
        proto.inputs[name].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    for name, value in defaults.items():
        proto.defaults[name].CopyFrom(tf.make_tensor_proto(value, _SPECS[name][0], value.shape))
    return batch_inputs.BatchableSignature(proto, batching_parameters.BatchingParameters(**parameters))


def _texts(*shape):
    return np.full(shape, b"x", object)


def _k(*values):
    return np.array(values, np.int32)


def _share(signature, *requests):
    """Whether all requests may share a batch."""
    return len({signature.arrange(inputs).kind for inputs in requests}) == 1


def test_requests_of_any_number_of_rows_share_a_batch():
    assert _share(_signature(), {"ids": _texts(1)}, {"ids": _texts(3)})
    assert _signature().arrange({"ids": _texts(3)}).num_rows == 3


def test_requests_that_leave_out_other_inputs_do_not():
    assert not _share(_signature(), {"ids": _texts(1)}, {"ids": _texts(1), "history": _texts(1, 2)})
    assert list(_signature().arrange({"ids": _texts(1)}).arrays) == ["ids"]


def test_an_input_sent_without_rows_is_left_out():
    empty = {"ids": _texts(2), "history": _texts(0, 5), "k": _k()}
    assert _share(_signature(), {"ids": _texts(2)}, empty)
    assert list(_signature().arrange(empty).arrays) == ["ids"]


def test_a_default_with_rows_is_a_value_like_any_other():
    signature = _signature({"weights": np.ones([1, 2], np.float32)}, ["ids", "weights"])
    assert _share(signature, {"ids": _texts(1)}, {"ids": _texts(1), "weights": np.zeros([1, 2], np.float32)})
    assert signature.arrange({"ids": _texts(1)}).arrays["weights"].tolist() == [[1.0, 1.0]]
    assert isinstance(signature.arrange({"ids": _texts(2)}), batch_inputs.RunsAlone)


def test_shapes_have_to_agree_but_for_the_rows_unless_shorter_lists_are_filled_up():
    requests = {"history": _texts(1, 2)}, {"history": _texts(2, 3)}
    assert not _share(_signature(), *requests)
    assert _share(_signature(pad_variable_length_inputs=True), *requests)


def test_numbers_of_dimensions_have_to_agree_in_any_case():
    requests = {"history": _texts(1, 2)}, {"history": _texts(1, 2, 1)}
    assert not _share(_signature(pad_variable_length_inputs=True), *requests)


def test_an_empty_list_is_not_filled_up():
    requests = {"history": _texts(1, 2)}, {"history": _texts(1, 0)}
    assert not _share(_signature(pad_variable_length_inputs=True), *requests)


def test_as_many_candidates_as_are_given_are_scored_so_they_are_never_filled_up():
    requests = {"candidate_ids": _texts(1, 2)}, {"candidate_ids": _texts(1, 3)}
    assert not _share(_signature(pad_variable_length_inputs=True), *requests)
    ordinary = _signature({}, ["candidate_ids"], pad_variable_length_inputs=True)
    assert _share(ordinary, *requests)


def test_requests_of_another_largest_k_do_not_share_a_batch():
    three, five = {"ids": _texts(2), "k": _k(3)}, {"ids": _texts(2), "k": _k(5)}
    assert not _share(_signature(), three, five)
    assert _share(_signature(), five, {"ids": _texts(3), "k": _k(1, 5, 2)})
    assert not _share(_signature(), five, {"ids": _texts(2)})


@pytest.mark.parametrize(("k", "by_row"), [(_k(4), [4, 4, 4]), (np.int32(4)[()], [4, 4, 4]), (_k(1, 2, 3), [1, 2, 3])])
def test_one_k_for_all_rows_becomes_one_for_each(k, by_row):
    arranged = _signature().arrange({"ids": _texts(3), "k": np.asarray(k)})
    assert arranged.arrays["k"].tolist() == by_row
    assert arranged.arrays["k"].dtype == np.int32


@pytest.mark.parametrize("k", [_k(1, 2), np.ones([3, 1], np.int32)])
def test_a_k_that_does_not_fit_the_rows_is_left_to_the_graph(k):
    assert _signature().arrange({"ids": _texts(3), "k": k}) == batch_inputs.RunsAlone("")


def test_rows_of_different_k_are_not_split():
    signature = _signature(max_batch_size=4, enable_large_batch_splitting=True)
    assert isinstance(signature.arrange({"ids": _texts(2), "k": _k(1, 2)}), batch_inputs.RunsAlone)
    assert isinstance(signature.arrange({"ids": _texts(2), "k": _k(2, 2)}), batch_inputs.RowInputs)


def test_an_input_named_k_that_cannot_be_left_out_is_an_input_like_any_other():
    signature = _signature({}, ["ids", "k"])
    assert _share(signature, {"ids": _texts(1), "k": _k(3)}, {"ids": _texts(2), "k": _k(5, 7)})
    assert isinstance(signature.arrange({"ids": _texts(2), "k": _k(3)}), batch_inputs.RunsAlone)


# ComputeTensorBatchSize in batching_util.h of TensorFlow Serving, which asks no graph.
@pytest.mark.parametrize(
    ("inputs", "refusal"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"ids": np.array(b"x", object)}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"ids": _texts(2), "history": _texts(3, 1)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
        ({"ids": _texts(2), "scale": np.array(1.0, np.float32)}, ""),
        ({"ids": _texts(0)}, ""),
    ],
)
def test_inputs_without_a_common_number_of_rows_run_alone(inputs, refusal):
    assert _signature({}).arrange(inputs) == batch_inputs.RunsAlone(refusal)


@pytest.mark.parametrize("inputs", [{}, {"k": _k(3)}, {"ids": _texts(2), "history": _texts(3, 1)}])
def test_a_graph_that_expects_inputs_to_be_left_out_refuses_in_its_own_words(inputs):
    assert _signature().arrange(inputs) == batch_inputs.RunsAlone("")


@pytest.mark.parametrize(
    ("name", "value", "filling"),
    [
        ("history", _texts(1, 2), b""),
        ("history", np.array([["x"]]), ""),
        ("weights", np.ones([1, 2], np.float32), 0.0),
        ("moments", np.ones([1, 2], np.int64), -1),
    ],
)
def test_lists_that_may_be_left_out_are_filled_up_with_what_is_not_known(name, value, filling):
    # "" is no id and no value, -1 no moment, and a weight beside "" counts for nothing.
    assert _signature().filling(name, value) == filling


def test_other_lists_are_filled_up_with_their_first_element():
    # AddPadding in batching_util.h: "First element of a tensor is used as padding value."
    assert _signature({}).filling("weights", np.array([[7.0, 8.0]], np.float32)) == 7.0
