"""The best candidates of a block of questions, among the chunks of a corpus with the highest maxima."""

import math

import tensorflow as tf

_EXCLUDED_SCORE = -math.inf
_SMALLEST_NORMAL = 2.0**-126
_POSITIONS = tf.TensorSpec([None, 2], tf.int64)
_NUMBER = tf.TensorSpec([], tf.int32)
_MATRIX = tf.TensorSpec([None, None], tf.float32)


@tf.function(input_signature=[_MATRIX, _MATRIX, _POSITIONS, _POSITIONS, _NUMBER, _NUMBER])
def rank_products(queries, candidates, target_positions, excluded_positions, k, width):
    """Returns scores by inner product and what is best by them.

    Args:
      queries: `[num_questions, embedding_dim]` float32.
      candidates: `[num_candidates, embedding_dim]` float32; their number is a multiple of `width`.
      target_positions: `[num_targets, 2]` int64 questions and rows of the targets, each once.
      excluded_positions: `[num_excluded, 2]` int64 those of what is no answer, each once.
      k: how many of the best.
      width: how many neighbouring candidates form a chunk.

    Returns:
      `[num_questions, num_candidates]` float32 scores, `[num_targets]` those of the targets, `[num_excluded]` those of
      what is excluded, and `[num_questions, k]` int64 rows, best first; -1 where only excluded ones are left.
    """
    scores = tf.matmul(queries, candidates, transpose_b=True)
    return _with_top(scores, target_positions, excluded_positions, k, width)


@tf.function(input_signature=[_MATRIX, _POSITIONS, _POSITIONS, _NUMBER, _NUMBER])
def rank_scores(scores, target_positions, excluded_positions, k, width):
    """Returns the same for scores of any origin, `[num_questions, num_candidates]` float32."""
    return _with_top(scores, target_positions, excluded_positions, k, width)


def _with_top(
    scores: tf.Tensor, target_positions: tf.Tensor, excluded_positions: tf.Tensor, k: tf.Tensor, width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    target_scores = tf.gather_nd(scores, target_positions)
    # Behind their equals: the next lower number. Next to 0 it would be flushed to 0.
    lowered = tf.minimum(tf.math.nextafter(target_scores, tf.float32.min), target_scores - _SMALLEST_NORMAL)
    positions = tf.concat([target_positions, excluded_positions], axis=0)
    excluded = tf.fill(tf.shape(excluded_positions)[:1], _EXCLUDED_SCORE)
    rows = _top_rows(scores, positions, tf.concat([lowered, excluded], axis=0), k, width)
    return scores, target_scores, tf.gather_nd(scores, excluded_positions), rows


def _top_rows(scores: tf.Tensor, positions: tf.Tensor, values: tf.Tensor, k: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Returns `[num_questions, k]` int64 candidates, best first, as if scores were others at some positions.

    The k best are in the k chunks of the highest maxima, so that most candidates are only compared with their
    neighbours: k chunks without one of the best would each hold something that is as good. Chunks of equal maxima are
    taken from the left, and stay in their order, so that the lower of two equal rows is first as it is in `top_k`.

    Chunks that hold one of the positions are changed in copies of their own: to change the scores would copy them all.
    """
    wide = tf.cast(width, tf.int64)
    chunks = tf.reshape(scores, [-1, width])
    shape = tf.stack([tf.shape(scores)[0], tf.shape(scores)[1] // width])
    num_chunks = tf.cast(shape[1], tf.int64)

    # Chunks are numbered through all questions.
    changed, places = tf.unique(positions[:, 0] * num_chunks + positions[:, 1] // wide, out_idx=tf.int64)
    inside_changed = tf.stack([places, positions[:, 1] % wide], axis=1)
    changed_chunks = tf.tensor_scatter_nd_update(tf.gather(chunks, changed), inside_changed, values)
    maxima = tf.tensor_scatter_nd_update(
        tf.reduce_max(chunks, axis=1), changed[:, tf.newaxis], tf.reduce_max(changed_chunks, axis=1)
    )

    _, best = tf.math.top_k(tf.reshape(maxima, shape), k=tf.minimum(k, shape[1]))
    best = tf.sort(best)
    numbers = tf.reshape(
        tf.range(tf.cast(shape[0], tf.int64))[:, tf.newaxis] * num_chunks + tf.cast(best, tf.int64), [-1]
    )
    inside = _replaced(tf.gather(chunks, numbers), numbers, changed, changed_chunks)
    top_scores, places = tf.math.top_k(tf.reshape(inside, [shape[0], -1]), k=k)
    rows = tf.gather(best, places // width, batch_dims=1) * width + places % width
    return tf.where(top_scores > _EXCLUDED_SCORE, tf.cast(rows, tf.int64), -1)


def _replaced(chunks: tf.Tensor, numbers: tf.Tensor, others: tf.Tensor, other_chunks: tf.Tensor) -> tf.Tensor:
    """Returns chunks, whose numbers grow, with those replaced of which there are others."""
    places = tf.minimum(tf.searchsorted(numbers, others, out_type=tf.int64), tf.size(numbers, tf.int64) - 1)
    same = tf.where(tf.gather(numbers, places) == others)[:, 0]
    return tf.tensor_scatter_nd_update(chunks, tf.gather(places, same)[:, tf.newaxis], tf.gather(other_chunks, same))
