"""NumPy arrays to and from TensorProto, as TensorFlow's C++ code writes and reads them.

Importing this module loads TensorFlow: the messages live in its package.
"""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving import errors

# A proto may give one value for all elements. Far beyond any real request, this
# bounds the memory that a few bytes on the wire can ask for.
_MAX_FILLED_ELEMENTS = 1 << 26

_FIELD_BY_DATA_TYPE = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
    types_pb2.DT_COMPLEX64: "scomplex_val",
    types_pb2.DT_COMPLEX128: "dcomplex_val",
}
# Their fields hold other numbers: two bytes as a whole number, or real and imaginary part one after the other.
_PARTS = {
    types_pb2.DT_HALF: np.dtype(np.uint16),
    types_pb2.DT_BFLOAT16: np.dtype(np.uint16),
    types_pb2.DT_COMPLEX64: np.dtype(np.float32),
    types_pb2.DT_COMPLEX128: np.dtype(np.float64),
}
_NUMPY_DTYPES = {data_type: np.dtype(tf.as_dtype(data_type).as_numpy_dtype) for data_type in _FIELD_BY_DATA_TYPE}
_DATA_TYPES = {dtype: data_type for data_type, dtype in _NUMPY_DTYPES.items()}


def data_type_of(array: np.ndarray) -> int:
    """Returns the DataType of an array; object arrays and NumPy strings are `DT_STRING`.

    Raises:
      UnimplementedError: for a dtype that cannot go over the wire.
    """
    data_type = _DATA_TYPES.get(array.dtype)
    if data_type is not None:
        return data_type
    if array.dtype.kind in "SU":
        return types_pb2.DT_STRING
    raise errors.UnimplementedError(
        f"Tensors of dtype {array.dtype} cannot be sent; supported are "
        f"{', '.join(data_type_name(supported) for supported in sorted(_FIELD_BY_DATA_TYPE))}."
    )


def numpy_dtype(data_type: int) -> np.dtype:
    """Returns the NumPy dtype of a DataType, `object` for `DT_STRING`."""
    return _NUMPY_DTYPES[data_type]


def data_type_name(data_type: int) -> str:
    """Returns TensorFlow's C++ name of a DataType, such as `float` for `DT_FLOAT`."""
    return types_pb2.DataType.Name(data_type).removeprefix("DT_").lower()


def to_proto(array: np.ndarray, is_content: bool = False) -> tensor_pb2.TensorProto:
    """Writes an array into the typed field of its dtype, such as `float_val`, as TensorFlow Serving answers.

    Args:
      array: any shape; strings as object array of `bytes` or `str`.
      is_content: whether numbers go into `tensor_content` instead.
    """
    data_type = data_type_of(array)
    proto = tensor_pb2.TensorProto(dtype=data_type)
    # An empty shape message is a scalar; an absent one would read as one too, but not say so.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    flat = np.ravel(array)
    if data_type == types_pb2.DT_STRING:
        proto.string_val.extend(_to_bytes(value) for value in flat.tolist())
    elif is_content:
        proto.tensor_content = flat.tobytes()
    else:
        flat = flat.view(_PARTS.get(data_type, flat.dtype))
        getattr(proto, _FIELD_BY_DATA_TYPE[data_type]).extend(flat.tolist())
    return proto


def to_array(proto: tensor_pb2.TensorProto, name: str) -> np.ndarray:
    """Reads a TensorProto, whether it carries typed values or `tensor_content`.

    Fewer values than elements repeat the last one, none at all mean zeros; more are cut.

    Args:
      proto: the message.
      name: input name, for the error.

    Returns:
      Array of the proto's dtype and shape; strings as object array of `bytes`.

    Raises:
      InvalidArgumentError: if dtype, shape and values do not make a tensor.
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype not in _FIELD_BY_DATA_TYPE or proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise _parsing_error(name)
    num_elements = math.prod(shape)
    if proto.tensor_content:
        return _from_content(proto, num_elements, name).reshape(shape)
    values = _from_field(proto)
    if len(values) < num_elements:
        values = _filled(values, num_elements, name)
    return values[:num_elements].reshape(shape)


def _from_content(proto: tensor_pb2.TensorProto, num_elements: int, name: str) -> np.ndarray:
    dtype = _NUMPY_DTYPES[proto.dtype]
    if dtype.kind == "O" or len(proto.tensor_content) != num_elements * dtype.itemsize:
        raise _parsing_error(name)
    return np.frombuffer(proto.tensor_content, dtype)


def _from_field(proto: tensor_pb2.TensorProto) -> np.ndarray:
    field = getattr(proto, _FIELD_BY_DATA_TYPE[proto.dtype])
    if proto.dtype in _PARTS:
        dtype, part = _NUMPY_DTYPES[proto.dtype], _PARTS[proto.dtype]
        num_parts = dtype.itemsize // part.itemsize
        return np.array(field).astype(part)[: len(field) // num_parts * num_parts].view(dtype)
    if proto.dtype == types_pb2.DT_STRING:
        # np.array would cut trailing zero bytes if it guessed a fixed width.
        values = np.empty(len(field), object)
        values[:] = field
        return values
    if _FIELD_BY_DATA_TYPE[proto.dtype] == "int_val":
        return np.array(field, np.int64).astype(_NUMPY_DTYPES[proto.dtype])
    return np.array(field, _NUMPY_DTYPES[proto.dtype])


def _filled(values: np.ndarray, num_elements: int, name: str) -> np.ndarray:
    if num_elements > _MAX_FILLED_ELEMENTS:
        raise _parsing_error(name)
    last = values[-1] if len(values) else (b"" if values.dtype == object else 0)
    filled = np.full(num_elements, last, values.dtype)
    filled[: len(values)] = values
    return filled


def _parsing_error(name: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(f"tensor parsing error: {name}")


def _to_bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
