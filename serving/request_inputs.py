"""Inputs of a request as the graph takes them: what may be left out, what it then is, and what is refused.

An input that is left out arrives as its default, which has no rows. A request needs at least one input with rows,
and all that have some need the same number.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from serving import request_checks, signatures

# Squares of larger numbers overflow in a tower, which would answer as if nothing were known.
_LARGEST_NUMBER = 1e15
# Products with coordinates up to 1e8 stay below the largest float32, 3.4e38, in a hundred dimensions.
_LARGEST_COORDINATE = 1e28
_MISSING_VALUES = {tf.string: "", tf.float32: float("nan"), tf.int64: -1, tf.int32: 0, tf.bool: True}


def missing_value(dtype: tf.DType) -> str | float | int | bool:
    """Returns what stands for a value that is not known."""
    return _MISSING_VALUES[dtype]


def default_of(spec: tf.TensorSpec) -> np.ndarray:
    """Returns the value of an input that a request leaves out: no rows."""
    dtype = object if spec.dtype == tf.string else spec.dtype.as_numpy_dtype
    return np.zeros([0] * spec.shape.rank, dtype)


def require_rows(
    inputs: Mapping[str, tf.Tensor], also: Callable[[tf.Tensor], Sequence[request_checks.Check]] = lambda num_rows: ()
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Returns the inputs once it is certain that they fit together, and how many rows they have.

    In the graph a request is refused with INVALID_ARGUMENT and a sentence: one with an input of another rank than
    declared, which hosts do not refuse themselves, one without rows, one whose inputs have different numbers of
    rows, and one with numbers that no tower can take.

    Args:
      inputs: by name, without rows where left out.
      also: returns further checks, given the number of rows.
    """

    given = {name: as_given(values) for name, values in inputs.items()}
    shapes = [tf.shape(values) for values in given.values()]
    ranks = tf.stack([tf.size(shape) for shape in shapes])
    # What has no dimensions has no length either; then the check of ranks does not hold.
    lengths = tf.concat([shape[:1] for shape in shapes], axis=0)
    num_rows = tf.reduce_max(lengths)

    def checks() -> Sequence[request_checks.Check]:
        return (
            _has_declared_ranks(inputs, ranks),
            *_fit_together(list(inputs), lengths, num_rows),
            *(_is_moderate(name, values) for name, values in given.items() if values.dtype.is_floating),
            *also(num_rows),
        )

    with tf.control_dependencies([request_checks.require(checks)]):
        # Stands for the check of ranks too, where a host folds that one away.
        checked = {name: tf.ensure_shape(values, values.shape) for name, values in inputs.items()}
        return checked, tf.identity(num_rows)


def as_given(values: tf.Tensor) -> tf.Tensor:
    """Returns an input in any shape that a request may give it: `tf.shape` tells which, `tf.rank` what is declared."""
    return tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))


def _has_declared_ranks(inputs: Mapping[str, tf.Tensor], ranks: tf.Tensor) -> request_checks.Check:
    names, declared = list(inputs), [values.shape.rank for values in inputs.values()]
    is_wrong = ranks != declared
    return (
        ~tf.reduce_any(is_wrong),
        lambda: request_checks.sentence(
            "Input ",
            tf.gather(names, tf.argmax(is_wrong)),
            " must have ",
            tf.gather(declared, tf.argmax(is_wrong)),
            " dimensions, the first being the rows, but has ",
            tf.gather(ranks, tf.argmax(is_wrong)),
            ". Give one value for each row, or one list of values where two are declared.",
        ),
    )


def _fit_together(names: Sequence[str], lengths: tf.Tensor, num_rows: tf.Tensor) -> Sequence[request_checks.Check]:
    is_odd = (lengths != 0) & (lengths != num_rows)
    return (
        (
            num_rows > 0,
            lambda: tf.constant(
                f"A request needs at least one row in one of its inputs, but has none. Give {', '.join(names)}."
            ),
        ),
        (
            ~tf.reduce_any(is_odd),
            lambda: request_checks.sentence(
                "Inputs must have the same number of rows, but ",
                tf.gather(names, tf.argmax(is_odd)),
                " has ",
                lengths[tf.argmax(is_odd)],
                " where others have ",
                num_rows,
                ". Give each input one row for each query, or leave it out.",
            ),
        ),
    )


def require_given(name: str, values: tf.Tensor) -> tf.Tensor:
    """Returns an input that the signature is about once it is certain that it was not left out."""
    check = tf.debugging.Assert(
        tf.shape(values)[0] > 0, [f"Input {name} must be given, but was left out. Give one entry for each row."]
    )
    with tf.control_dependencies([check]):
        return tf.identity(values)


def completed(
    inputs: Mapping[str, tf.Tensor], num_rows: tf.Tensor, companions: Mapping[str, tuple[str, float]]
) -> dict[str, tf.Tensor]:
    """Returns the inputs with rows in place of those that were left out.

    Args:
      inputs: by name, without rows where left out.
      num_rows: how many rows a request has.
      companions: by input, another that it stands beside value for value, and what it is where only that is given;
        in the graph another shape than the other's is refused.
    """
    found = {name: with_all_rows(values, num_rows) for name, values in inputs.items() if name not in companions}
    if companions:

        def checks() -> Sequence[request_checks.Check]:
            return [_is_beside(name, inputs[name], other, found[other]) for name, (other, _) in companions.items()]

        with tf.control_dependencies([request_checks.require(checks)]):
            for name, (other, filling) in companions.items():
                values, beside = inputs[name], found[other]
                found[name] = _or_else(
                    values,
                    lambda values=values, beside=beside, filling=filling: tf.fill(
                        tf.shape(beside), tf.cast(filling, values.dtype)
                    ),
                )
    return {name: found[name] for name in inputs}


def with_all_rows(values: tf.Tensor, num_rows: tf.Tensor) -> tf.Tensor:
    """Returns an input with rows of missing values where it has none; cheaper than a condition."""
    shape = tf.shape(values)
    missing = tf.fill(
        tf.concat([[num_rows - shape[0]], shape[1:]], axis=0), tf.constant(missing_value(values.dtype), values.dtype)
    )
    return tf.concat([values, missing], axis=0)


def companions(names: Iterable[str]) -> dict[str, tuple[str, float]]:
    """Returns the inputs that stand beside others value for value: weights, of which each is 1, and unknown moments."""
    names = set(names)
    beside = {
        name: (name.removesuffix(signatures.WEIGHTS_SUFFIX), 1.0)
        for name in names
        if name.endswith(signatures.WEIGHTS_SUFFIX) and name.removesuffix(signatures.WEIGHTS_SUFFIX) in names
    }
    if signatures.HISTORY_TIMESTAMPS in names:
        beside[signatures.HISTORY_TIMESTAMPS] = (signatures.HISTORY, missing_value(tf.int64))
    return beside


def _is_beside(name: str, values: tf.Tensor, other: str, beside: tf.Tensor) -> request_checks.Check:
    shape, expected = tf.shape(values), tf.shape(beside)
    what, filling = ("weight", "0") if values.dtype.is_floating else ("moment", "-1")
    return (
        (shape[0] == 0) | tf.reduce_all(shape == expected),
        lambda: request_checks.sentence(
            f"Input {name} must have one {what} for each value of {other}, but has shape ",
            shape,
            f" where {other} has ",
            expected,
            f"; fill shorter lists of {other} with empty strings and {name} with {filling}, or leave {name} out.",
        ),
    )


def _or_else(values: tf.Tensor, otherwise) -> tf.Tensor:
    found = tf.cond(tf.shape(values)[0] > 0, lambda: tf.identity(values), otherwise)
    found.set_shape([None] * values.shape.rank)
    return found


def _is_moderate(name: str, values: tf.Tensor) -> request_checks.Check:
    values = tf.reshape(values, [-1])
    is_extreme = tf.abs(values) > _LARGEST_NUMBER
    return (
        ~tf.reduce_any(is_extreme),
        lambda: request_checks.sentence(
            f"Input {name} must hold numbers within +-1e15, or NaN for missing ones, but holds ",
            tf.strings.reduce_join(tf.strings.as_string(tf.boolean_mask(values, is_extreme)[:1], shortest=True)),
            ".",
        ),
    )


def require_moderate_embeddings(embeddings: tf.Tensor) -> tf.Tensor:
    """Returns embeddings once it is certain that scores with them are numbers.

    Several large numbers can overflow in a tower that each of them alone would not.
    """
    check = tf.debugging.Assert(
        tf.reduce_all(tf.abs(embeddings) <= _LARGEST_COORDINATE),
        ["The numbers of a row are too large together: its embedding overflows. Give smaller ones, or leave them out."],
    )
    with tf.control_dependencies([check]):
        return tf.identity(embeddings)


def require_distinct(names: Iterable[str], reserved: Iterable[str]) -> None:
    """Checks that no feature takes the name of an input that every request has.

    Raises:
      ValueError: if one does.
    """
    if taken := sorted(set(names) & set(reserved)):
        raise ValueError(
            f"Features must not be named like inputs of the served signatures, but {taken[0]!r} is; "
            "rename the column in the schema."
        )
