import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import task, training_health


def _values(**options):
    health = training_health.TrainingHealth()
    retrieval = task.Retrieval(health=health, **options)
    queries = tf.constant([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
    candidates = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    retrieval(queries, candidates, candidate_ids=tf.constant(["a", "b", "a"]), training=True)
    return {metric.name: float(metric.result()) for metric in health.metrics}


def test_it_shows_what_a_step_did():
    values = _values(temperature=0.5, remove_accidental_hits=True)
    # By hand: logits [2 0 2], [0 4 0], [2 0 2]; rows 0 and 2 have one negative of 0, row 1 two.
    even, odd = np.exp(2) / (np.exp(2) + 1), np.exp(4) / (np.exp(4) + 2)
    assert values["positive_probability"] == pytest.approx((2 * even + odd) / 3, rel=1e-5)
    assert values["logit_spread"] == pytest.approx((2 * np.std([2, 0, 2]) + np.std([0, 4, 0])) / 3, rel=1e-5)
    assert values["masked_share"] == pytest.approx(2 / 6, rel=1e-5)
    assert values["temperature"] == pytest.approx(0.5)
    assert values["query_norm"] == pytest.approx(4 / 3)
    assert values["candidate_norm"] == pytest.approx(1.0)


def test_lengths_are_those_of_the_batch_and_not_of_further_negatives():
    health = training_health.TrainingHealth()
    candidates = tf.constant([[3.0, 0.0], [0.0, 1.0], [0.0, 9.0]])
    task.Retrieval(health=health)(tf.eye(2), candidates, training=True)
    values = {metric.name: float(metric.result()) for metric in health.metrics}
    assert values["candidate_norm"] == pytest.approx((3 + 1) / 2)


def test_nothing_is_masked_without_a_mask():
    assert _values()["masked_share"] == 0.0


def test_an_evaluation_leaves_it_as_it_was():
    health = training_health.TrainingHealth()
    task.Retrieval(health=health)(tf.eye(2), tf.eye(2), training=False)
    assert all(float(metric.result()) == 0.0 for metric in health.metrics)
