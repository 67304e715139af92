import numpy as np
import tensorflow as tf

from benchmarks import exact_counts


def test_exact_counts_are_what_a_batch_is_expected_to_hold():
    counts = exact_counts.ExactCounts(np.array(["a", "b", "c"]), np.array([30, 10, 0]), batch_size=8)
    # 8 of 40 draws: 6 and 2; an id without interactions counts half of one.
    ids = tf.constant(["b", "a", "c", "b"])
    np.testing.assert_allclose(counts(ids, training=True), [2.0, 6.0, 0.1, 2.0], rtol=1e-6)
    np.testing.assert_allclose(counts.sampling_probability(ids), [0.25, 0.75, 0.0125, 0.25], rtol=1e-6)
