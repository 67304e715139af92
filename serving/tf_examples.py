"""Features of queries from serialized tf.train.Example messages."""

from collections.abc import Mapping

import tensorflow as tf

from serving import request_checks, request_inputs


def parse(examples: tf.Tensor, specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Reads features; what a message does not have is unknown, as in a request that leaves it out.

    In the graph, a message with several values of a feature that has one is refused, and one with another number of
    weights than values, or of moments than its history has ids.

    Args:
      examples: `[num_rows]` serialized messages.
      specs: by feature: `[None]` for one value, `[None, None]` for a list.

    Returns:
      The features by name, with `num_rows` rows each.
    """
    read = {name: tf.io.VarLenFeature(_dtype_on_the_wire(spec.dtype)) for name, spec in specs.items()}
    parsed = tf.io.parse_example(examples, read)
    companions = request_inputs.companions(specs)
    checks = [_has_one(name, parsed[name]) for name, spec in specs.items() if spec.shape.rank == 1]
    checks += [_has_as_many(name, parsed[name], other, parsed[other]) for name, (other, _) in companions.items()]
    features = {}
    with tf.control_dependencies([request_checks.require(lambda: checks)] if checks else []):
        for name, spec in specs.items():
            if name in companions:
                other, filling = companions[name]
                dense = _beside(parsed[name], parsed[other], filling)
            else:
                filling = request_inputs.missing_value(parsed[name].dtype)
                dense = tf.sparse.to_dense(parsed[name], filling)
                if spec.shape.rank == 1:
                    dense = tf.pad(dense, [[0, 0], [0, 1]], constant_values=filling)[:, 0]
            features[name] = tf.ensure_shape(tf.cast(dense, spec.dtype), spec.shape)
    return features


def _has_one(name: str, values: tf.SparseTensor) -> request_checks.Check:
    most = values.dense_shape[1]
    return (
        most <= 1,
        lambda: request_checks.sentence(
            f"Feature {name} of an example must have at most one value, but one example has ",
            most,
            "; give one, or none where it is not known.",
        ),
    )


def _has_as_many(name: str, values: tf.SparseTensor, other: str, beside: tf.SparseTensor) -> request_checks.Check:
    lengths, expected = _lengths(values), _lengths(beside)
    is_odd = (lengths > 0) & (lengths != expected)
    odd = tf.argmax(is_odd)
    return (
        ~tf.reduce_any(is_odd),
        lambda: request_checks.sentence(
            f"Feature {name} of an example must have as many values as {other}, or none, but example ",
            odd,
            " has ",
            lengths[odd],
            " where it has ",
            expected[odd],
            f" of {other}.",
        ),
    )


def _beside(values: tf.SparseTensor, beside: tf.SparseTensor, filling: float) -> tf.Tensor:
    """Returns the values in the shape of the others; a row without any has the filling."""
    width = tf.cast(beside.dense_shape[1], tf.int32)
    # Fillings of the others have no weight, and a moment that is not known.
    beyond = tf.constant(0.0 if values.dtype.is_floating else filling, values.dtype)
    dense = tf.sparse.to_dense(values, beyond)
    dense = tf.pad(dense, [[0, 0], [0, width - tf.shape(dense)[1]]], constant_values=beyond)
    is_filled = tf.sequence_mask(_lengths(beside), width)
    is_given = _lengths(values) > 0
    return tf.where(is_given[:, tf.newaxis] | ~is_filled, dense, tf.cast(filling, values.dtype))


def _lengths(values: tf.SparseTensor) -> tf.Tensor:
    rows = values.indices[:, 0]
    return tf.math.unsorted_segment_sum(tf.ones_like(rows), rows, values.dense_shape[0])


def _dtype_on_the_wire(dtype: tf.DType) -> tf.DType:
    return tf.int64 if dtype in (tf.int32, tf.bool) else dtype
