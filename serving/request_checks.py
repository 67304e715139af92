"""Refusals from inside the graph: INVALID_ARGUMENT and one sentence, which is written only where one is needed."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from serving.index import rare_branch

Check = tuple[tf.Tensor, Callable[[], tf.Tensor]]


def require(checks: Callable[[], Sequence[Check]]) -> tf.Tensor:
    """Refuses a request with the sentence of the first check that does not hold.

    An assertion by itself prints every tensor of its message in brackets of its own, and has all of them computed for
    good requests too. Here a good request pays for one branch that is not taken.

    Args:
      checks: returns the checks, each a boolean scalar and what returns the sentence for when it is false. The branch
        makes them once more from what it is given, since each tensor that it took from outside would cost an
        operation. A condition must be computable where those before it do not hold, a sentence where they do.

    Returns:
      What must have been computed before the rest.
    """

    def refuse() -> tf.Tensor:
        conditions, sentences = zip(*checks(), strict=True)
        holds = tf.stack(conditions)
        first = tf.argmin(tf.cast(holds, tf.int32), output_type=tf.int32)
        tf.debugging.Assert(tf.reduce_all(holds), [tf.switch_case(first, sentences)], summarize=1)
        return tf.constant(True)

    holds = tf.reduce_all(tf.stack([condition for condition, _ in checks()]))
    return tf.cond(holds, lambda: tf.constant(True), rare_branch.rare(refuse))


def sentence(*parts: str | tf.Tensor) -> tf.Tensor:
    """Returns the parts as one text: strings as they are, a number as its digits, a vector as `[1, 2]`."""
    return tf.strings.join([_text(part) for part in parts])


def _text(part: str | tf.Tensor) -> str | tf.Tensor:
    if isinstance(part, str) or part.dtype == tf.string:
        return part
    # Otherwise six digits behind the point, whatever the size.
    texts = tf.strings.as_string(part, shortest=True) if part.dtype.is_floating else tf.strings.as_string(part)
    if part.shape.rank == 0:
        return texts
    return tf.strings.join(["[", tf.strings.reduce_join(texts, separator=", "), "]"])
