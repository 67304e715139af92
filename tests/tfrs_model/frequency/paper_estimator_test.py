import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.frequency import paper_estimator


class _Loop:
    """Algorithms 2 and 3 in plain Python, one update of a bucket that a step hits."""

    def __init__(self, rate, initial_gap):
        self.step, self.last, self.gap = 0, {}, {}
        self.rate, self.initial_gap = rate, initial_gap

    def count(self, buckets):
        self.step += 1
        for bucket in {bucket for row in buckets for bucket in row}:
            gap = self.gap.get(bucket, self.initial_gap)
            self.gap[bucket] = (1 - self.rate) * gap + self.rate * (self.step - self.last.get(bucket, 0))
            self.last[bucket] = self.step

    def read(self, buckets_of_id):
        return 1 / max(1, *(self.gap.get(bucket, self.initial_gap) for bucket in buckets_of_id))


def _count(estimator, buckets):
    keys = tf.zeros([len(buckets[0])], tf.int64)
    estimator.count(keys, tf.constant(buckets, tf.int64), tf.ones_like(keys, tf.int32))


@pytest.mark.parametrize(("num_hashes", "rate", "initial_gap"), [(1, 0.01, 100.0), (3, 0.2, 5.0), (2, 1.0, 1.0)])
def test_random_batches_are_estimated_as_by_a_plain_loop(num_hashes, rate, initial_gap):
    generator = np.random.default_rng(num_hashes)
    # 60 ids in 20 buckets a row: most buckets have several.
    of_id = generator.integers(20, size=[num_hashes, 60]) + 20 * np.arange(num_hashes)[:, np.newaxis]
    estimator = paper_estimator.PaperEstimator(20, num_hashes, learning_rate=rate, initial_gap=initial_gap)
    loop = _Loop(rate, initial_gap)
    for _ in range(40):
        batch = of_id[:, generator.zipf(1.3, size=6) % 60]
        _count(estimator, batch)
        loop.count(batch.tolist())
        expected = [loop.read(buckets) for buckets in of_id.T.tolist()]
        np.testing.assert_allclose(estimator.expected_count(tf.constant(of_id)), expected, rtol=1e-5)


def test_repeats_in_a_batch_and_ids_that_share_a_bucket_are_one_hit():
    estimator = paper_estimator.PaperEstimator(4, 1, learning_rate=0.5, initial_gap=9.0)
    _count(estimator, [[2, 2, 2]])
    _count(estimator, [[1]])
    _count(estimator, [[2, 2]])
    # By hand: bucket 2 after gaps 1 and 2: 9 -> 5 -> 3.5; bucket 1 after a gap of 2: 5.5; bucket 0 was never hit.
    np.testing.assert_allclose(estimator.expected_count(tf.constant([[2, 1, 0]])), [1 / 3.5, 1 / 5.5, 1 / 9])
    np.testing.assert_array_equal(estimator.used_buckets(), [False, True, True, False])


def test_of_several_hashes_the_longest_gap_counts():
    estimator = paper_estimator.PaperEstimator(2, 2, learning_rate=1.0, initial_gap=50.0)
    for batch in ([[0], [2]], [[1], [2]], [[0], [3]]):
        _count(estimator, batch)
    # By hand, last gaps: bucket 0 2, bucket 1 2, bucket 2 1, bucket 3 3.
    np.testing.assert_allclose(estimator.expected_count(tf.constant([[0, 0], [2, 3]])), [1 / 2, 1 / 3], rtol=1e-6)


def test_the_probability_of_a_draw_is_that_of_a_batch_over_the_mean_batch_size():
    estimator = paper_estimator.PaperEstimator(3, 1, learning_rate=1.0)
    for batch in ([[0, 0, 1]], [[0]]):
        _count(estimator, batch)
    # By hand: the mean batch has 2 draws; bucket 0 has a gap of 1, bucket 1 a gap of 1, bucket 2 the initial 100.
    np.testing.assert_allclose(estimator.sampling_probability(tf.constant([[0, 1, 2]])), [0.5, 0.5, 0.005], rtol=1e-6)


def _gaps_after_hits(rate, initial_gap, probability, num_hits, num_ids=2000, num_steps=300):
    """Returns the mean gap of each id right after its hit number `num_hits`; ids come independently."""
    estimator = paper_estimator.PaperEstimator(num_ids, 1, learning_rate=rate, initial_gap=initial_gap)
    spec = tf.TensorSpec([None], tf.int64)

    @tf.function(input_signature=[spec])
    def step(ids):
        estimator.count(ids, ids[tf.newaxis], tf.ones_like(ids, tf.int32))
        return estimator.expected_count(tf.range(num_ids, dtype=tf.int64)[tf.newaxis])

    generator = np.random.default_rng(0)
    hits, gaps = np.zeros(num_ids, int), np.zeros(num_ids)
    for _ in range(num_steps):
        came = generator.random(num_ids) < probability
        inclusion = step(np.flatnonzero(came)).numpy()
        hits += came
        gaps = np.where(came & (hits == num_hits), 1 / inclusion, gaps)
    assert np.all(hits >= num_hits)
    return gaps


@pytest.mark.parametrize(("initial_gap", "num_hits"), [(20.0, 10), (20.0, 30), (5.0, 30)])
def test_the_bias_shrinks_by_one_minus_the_rate_per_hit_and_the_true_gap_is_the_unbiased_start(initial_gap, num_hits):
    rate, probability = 0.1, 0.2
    gaps = _gaps_after_hits(rate, initial_gap, probability, num_hits)
    # A gap is geometric, of mean d = 1 / p and variance (1 - p) / p^2, and the mean gap after n hits is
    # (1 - a)^n d0 + sum of a (1 - a)^j gap_j. Five standard errors of the mean over 2000 ids.
    mean = 1 / probability + (1 - rate) ** num_hits * (initial_gap - 1 / probability)
    variance = (1 - probability) / probability**2 * rate / (2 - rate) * (1 - (1 - rate) ** (2 * num_hits))
    assert abs(gaps.mean() - mean) < 5 * np.sqrt(variance / len(gaps))


def test_the_stationary_relative_noise_is_as_derived():
    rate, probability = 0.1, 0.2
    gaps = _gaps_after_hits(rate, 1 / probability, probability, 30)
    # (1 - a)^60 = .002 short of stationary. A sample deviation of 2000 has a relative error of about
    # sqrt(1 / 4000) = 1.6% if normal; a skewed sum of geometric gaps has a little more. Five times 1.8%.
    expected = np.sqrt(rate / (2 - rate) * (1 - probability))
    np.testing.assert_allclose(gaps.std() * probability, expected, rtol=0.09)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_a_learning_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=rf"learning_rate of the paper's estimator must be in \(0, 1\], but is {rate}"):
        paper_estimator.PaperEstimator(5, 1, learning_rate=rate)


@pytest.mark.parametrize("gap", [0.5, float("nan")])
def test_an_initial_gap_below_one_step_is_refused(gap):
    with pytest.raises(ValueError, match=f"initial_gap of the paper's estimator must be >= 1, but is {gap}"):
        paper_estimator.PaperEstimator(5, 1, initial_gap=gap)
