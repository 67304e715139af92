import collections

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import frequency
from tfrs_model.frequency import health, id_hashing


def _layer(sample_ids, num_buckets=1000, **options):
    return frequency.StreamingFrequency(num_buckets, sample_ids=sample_ids, **options)


def _exact_copies(layer):
    """Returns the counts of the sample, by key."""
    (keys,) = (each.numpy() for each in layer.health.weights if "sample_keys" in each.name)
    (copies,) = (each.numpy() for each in layer.health.weights if "exact_copies" in each.name)
    return dict(zip(keys.tolist(), copies.tolist(), strict=True))


def test_all_ids_of_a_small_vocabulary_are_sampled_and_of_a_large_one_256_by_their_hash():
    hasher = id_hashing.IdHasher(10, 1, 0)
    assert sorted(health.choose_sample(["b", "a", "b", "c"], hasher)) == ["a", "b", "c"]
    ids = [f"item-{i}" for i in range(5000)]
    chosen = health.choose_sample(ids, hasher)
    assert len(set(chosen)) == 256
    assert chosen == health.choose_sample(ids[::-1], hasher)
    # A sample that is blind to the order of the vocabulary has its mean rank within five deviations.
    ranks = [ids.index(each) for each in chosen]
    assert abs(np.mean(ranks) - 2500) < 5 * 5000 / np.sqrt(12 * 256)


def test_without_sample_ids_nothing_is_watched():
    assert frequency.StreamingFrequency(10).health is None


def test_sampled_ids_are_counted_exactly_and_others_not_at_all():
    layer = _layer([3, 5, 8, 900])
    generator, counts = np.random.default_rng(0), collections.Counter()
    for _ in range(20):
        batch = generator.zipf(1.3, size=30) % 12
        counts.update(batch.tolist())
        layer(tf.constant(batch), training=True)
        layer(tf.constant(batch), training=False)
    keys = id_hashing.IdHasher(1000, 4, 0).keys(tf.constant([3, 5, 8, 900])).numpy().tolist()
    exact = _exact_copies(layer)
    assert [exact[key] for key in keys] == [counts[3], counts[5], counts[8], 0]
    assert sum(exact.values()) == counts[3] + counts[5] + counts[8]


def test_the_error_is_the_mean_distance_of_logarithms_over_the_ids_that_came():
    layer = _layer(["a", "b", "c", "never"], estimator="paper", options={"learning_rate": 1.0})
    for batch in (["a", "a", "a", "b"], ["a", "a", "a"], ["b"], ["a", "a", "c"]):
        layer(tf.constant(batch), training=True)
    # By hand: the last gaps of a, b, c are 2, 2, 4; their copies are 8, 2, 1 in 4 steps.
    expected = (abs(np.log(0.5 / 2)) + abs(np.log(0.5 / 0.5)) + abs(np.log(0.25 / 0.25))) / 3
    assert layer.health.measure()["mean_log_error"] == pytest.approx(expected, rel=1e-5)


def test_the_default_is_close_to_the_exact_counts_of_ids_that_repeat():
    layer = _layer(list(range(40)))
    for _ in range(30):
        layer(tf.constant(np.random.default_rng(0).permutation(np.repeat(np.arange(40), 1 + np.arange(40)))), True)
    # The same copies in every batch: nothing but the rounding to 10 bits is left.
    assert layer.health.measure()["mean_log_error"] < 0.01


@pytest.mark.parametrize("estimator", ["multiscale", "paper"])
def test_buckets_in_use_and_collisions_are_those_of_the_table(estimator):
    layer = _layer(["x"], num_buckets=10, num_hashes=2, estimator=estimator)
    fresh = layer.health.measure()
    assert (fresh["buckets_in_use"], fresh["collision_rate"]) == (0.0, 0.0)
    assert np.isnan(fresh["mean_log_error"])
    hasher = id_hashing.IdHasher(10, 2, 0)
    ids = tf.constant([f"item-{i}" for i in range(8)])
    layer(ids, training=True)
    used = [len(set(row)) for row in hasher.buckets(hasher.keys(ids)).numpy().tolist()]
    measured = layer.health.measure()
    assert measured["buckets_in_use"] == pytest.approx(sum(used) / 20)
    # A further id meets a used bucket in both rows.
    assert measured["collision_rate"] == pytest.approx(used[0] / 10 * used[1] / 10)


def test_the_collision_rate_is_the_share_of_strangers_that_read_as_known():
    layer = _layer([0], num_buckets=100, num_hashes=2)
    layer(tf.range(60), training=True)
    strangers = layer.sampling_probability(tf.range(10_000, 20_000)).numpy()
    rate = layer.health.measure()["collision_rate"]
    # Binomial, five deviations.
    assert abs(np.mean(strangers > strangers.min()) - rate) < 5 * np.sqrt(rate * (1 - rate) / 1e4)


def test_buckets_of_faded_ids_are_free_again():
    layer = _layer([1], options={"windows": (6, 3)})
    layer(tf.range(20), training=True)
    before = layer.health.measure()["buckets_in_use"]
    for _ in range(10):
        layer(tf.constant([1]), training=True)
    # A lone copy is below half after 6 ln 2 = 4 steps; id 1 has a bucket in each of 4 rows.
    assert before > 70 / 4000
    assert layer.health.measure()["buckets_in_use"] == pytest.approx(4 / 4000)


def test_a_restart_forgets_the_counts_and_keeps_the_sample_and_the_estimate():
    layer = _layer(["a", "b"])
    for _ in range(5):
        layer(tf.constant(["a", "a", "b"]), training=True)
    estimate = layer(tf.constant(["a", "b"])).numpy()
    layer.health.restart()
    assert sum(_exact_copies(layer).values()) == 0
    np.testing.assert_array_equal(layer(tf.constant(["a", "b"])), estimate)
    layer(tf.constant(["a", "a", "b"]), training=True)
    assert layer.health.measure()["mean_log_error"] < 0.01


def test_a_checkpoint_brings_its_own_sample_into_another_vocabulary(tmp_path):
    yesterday, today = _layer(["a", "b"]), _layer(["b", "c", "d"])
    yesterday(tf.constant(["a", "b", "a"]), training=True)
    path = tf.train.Checkpoint(frequency=yesterday).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(frequency=today).restore(path).assert_consumed()
    for layer in (yesterday, today):
        layer(tf.constant(["a", "c"]), training=True)
    assert _exact_copies(today) == _exact_copies(yesterday)
    assert today.health.measure() == yesterday.health.measure()
