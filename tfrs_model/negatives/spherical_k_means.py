"""Groups embeddings by direction, in memory that does not grow with their number."""

import tensorflow as tf

# 2**22 float32 scores are 16 MB.
_MAX_SCORES_PER_BLOCK = 1 << 22
# Centroids of more points than this move by little, while the cost of an iteration grows with the points.
_FITTED_PER_CLUSTER = 64


@tf.function
def cluster(embeddings: tf.Tensor, num_clusters: int, num_iterations: int, seed: tf.Tensor) -> tf.Tensor:
    """Returns the cluster of each embedding, found by spherical k-means (Dhillon and Modha, Machine Learning 2001).

    Centroids are unit vectors. They start at distinct embeddings, are fitted on a
    sample of at most 64 embeddings a cluster, and each embedding goes to the centroid
    of largest inner product; ties go to the first. A cluster may end empty.

    Args:
      embeddings: `[num_candidates, embedding_dim]` float32.
      num_clusters: in [1, num_candidates].
      num_iterations: of the fit, >= 0.
      seed: `[2]` int64 of the sample and the start.

    Returns:
      `[num_candidates]` int64 in [0, num_clusters).
    """
    num_candidates = embeddings.shape[0]
    num_fitted = min(num_candidates, _FITTED_PER_CLUSTER * num_clusters)
    fitted = tf.random.experimental.index_shuffle(tf.range(num_fitted, dtype=tf.int64), seed, num_candidates - 1)
    sample = tf.math.l2_normalize(tf.gather(embeddings, fitted), axis=1)
    centroids = sample[:num_clusters]
    for _ in tf.range(num_iterations):
        sums = tf.math.unsorted_segment_sum(sample, nearest(sample, centroids), num_clusters)
        # An empty cluster stays where it is.
        is_used = tf.reduce_any(sums != 0.0, axis=1, keepdims=True)
        centroids = tf.where(is_used, tf.math.l2_normalize(sums, axis=1), centroids)
    return nearest(embeddings, centroids)


def nearest(embeddings: tf.Tensor, centroids: tf.Tensor) -> tf.Tensor:
    """Returns `[n]` int64: for each embedding the centroid of largest inner product, block after block."""
    size, num_clusters = embeddings.shape[0], centroids.shape[0]
    block_size = min(size, max(1, _MAX_SCORES_PER_BLOCK // num_clusters))

    def of_block(begin: tf.Tensor) -> tf.Tensor:
        # The last block repeats the last row, so that all have one shape.
        rows = tf.minimum(begin + tf.range(block_size), size - 1)
        return tf.argmax(tf.matmul(tf.gather(embeddings, rows), centroids, transpose_b=True), axis=1)

    signature = tf.TensorSpec([block_size], tf.int64)
    blocks = tf.map_fn(of_block, tf.range(0, size, block_size), fn_output_signature=signature, parallel_iterations=1)
    return tf.reshape(blocks, [-1])[:size]
