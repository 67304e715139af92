import numpy as np
import pytest
import tensorflow as tf

from benchmarks import frequency_recall


def test_exact_counts_are_what_a_batch_is_expected_to_hold():
    counts = frequency_recall.ExactCounts(np.array(["a", "b", "c"]), np.array([30, 10, 0]), batch_size=8)
    # 8 of 40 draws: 6 and 2; an id without interactions counts half of one.
    expected = counts(tf.constant(["b", "a", "c", "b"]), training=True)
    np.testing.assert_allclose(expected, [2.0, 6.0, 0.1, 2.0], rtol=1e-6)


@pytest.mark.parametrize(("share", "is_noise"), [(0.30, True), (0.45, False)])
def test_only_a_real_difference_in_recall_leaves_its_interval(share, is_noise):
    generator = np.random.default_rng(1)
    ours, theirs = (generator.random([3, 2000]) < each for each in (share, 0.30))
    low, high = frequency_recall._interval(ours, theirs)
    assert (low <= 0.0 <= high) == is_noise
    assert low < share - 0.30 < high
