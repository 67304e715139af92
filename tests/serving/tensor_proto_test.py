import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving import errors, tensor_proto


@pytest.mark.parametrize(
    ("array", "field", "values"),
    [
        (np.array([1.5, -2.0], np.float32), "float_val", [1.5, -2.0]),
        (np.array([[0.1]], np.float64), "double_val", [0.1]),
        (np.array(7, np.int32), "int_val", [7]),
        (np.array([255], np.uint8), "int_val", [255]),
        (np.array([-1], np.int64), "int64_val", [-1]),
        (np.array([True, False]), "bool_val", [True, False]),
        (np.array([1.0], np.float16), "half_val", [0x3C00]),
        (np.array([1 + 2j, -0.5j], np.complex64), "scomplex_val", [1.0, 2.0, 0.0, -0.5]),
        (np.array(0.1j, np.complex128), "dcomplex_val", [0.0, 0.1]),
        (np.array([b"a\x00", "é"], object), "string_val", [b"a\x00", "é".encode()]),
    ],
)
def test_values_go_into_the_typed_field_of_their_dtype(array, field, values):
    proto = tensor_proto.to_proto(array)
    assert list(getattr(proto, field)) == values
    assert not proto.tensor_content
    assert [dim.size for dim in proto.tensor_shape.dim] == list(array.shape)


@pytest.mark.parametrize(
    "dtype",
    [
        *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
        *("int8", "uint16", "int64", "uint64"),
    ],
)
def test_tensorflow_reads_what_is_written_and_the_other_way_round(dtype):
    tensor = tf.cast(tf.constant([[1, 2, 3], [4, 5, 6]]), dtype)
    written = tensor_proto.to_proto(tensor.numpy())
    np.testing.assert_array_equal(tf.make_ndarray(written), tensor.numpy())
    read = tensor_proto.to_array(tf.make_tensor_proto(tensor.numpy()), "x")
    np.testing.assert_array_equal(read, tensor.numpy())
    assert read.dtype == tensor.numpy().dtype


def test_missing_values_repeat_the_last_one_as_tensorflow_does():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0, 2.0], tensor_shape={"dim": [{"size": 4}]})
    np.testing.assert_array_equal(tensor_proto.to_array(proto, "x"), [1.0, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(tensor_proto.to_array(proto, "x"), tf.make_ndarray(proto))


# Tensor::FromProto of tensorflow/core/framework/tensor.cc counts pairs of them.
def test_half_a_complex_number_is_none():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_COMPLEX64, scomplex_val=[1.0, 2.0, 3.0])
    proto.tensor_shape.dim.add().size = 2
    assert tensor_proto.to_array(proto, "x").tolist() == [1 + 2j, 1 + 2j]


def test_no_values_are_zeros_and_empty_strings():
    shape = {"dim": [{"size": 2}]}
    zeros = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, tensor_shape=shape)
    empty = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape)
    assert tensor_proto.to_array(zeros, "x").tolist() == [0, 0]
    assert tensor_proto.to_array(empty, "x").tolist() == [b"", b""]


@pytest.mark.parametrize(
    "proto",
    [
        tensor_pb2.TensorProto(float_val=[1.0]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_RESOURCE),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"unknown_rank": True}),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"dim": [{"size": -1}]}),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=b"123", tensor_shape={"dim": [{"size": 1}]}),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0], tensor_shape={"dim": [{"size": 1 << 60}]}),
    ],
)
def test_what_is_no_tensor_is_refused_by_name(proto):
    with pytest.raises(errors.InvalidArgumentError, match=r"^tensor parsing error: x$"):
        tensor_proto.to_array(proto, "x")


def test_a_dtype_without_a_field_is_refused_with_those_that_have_one():
    with pytest.raises(errors.UnimplementedError, match="dtype float128 cannot be sent; supported are float, double"):
        tensor_proto.to_proto(np.zeros(1, np.longdouble))
