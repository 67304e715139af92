"""The task in the place of its parent: metrics, and a stock TFRS model with only the task class swapped."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import frequency, task

# Scores of query i with candidate j; queries 0 and 2 rank their own candidate first, query 1 ranks it second.
_CANDIDATES = tf.eye(3)
_QUERIES = tf.constant([[3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
_IDS = tf.constant(["a", "b", "c"])


def _factorized(ks=(1, 2), name="corpus", ids=False):
    candidates = tf.data.Dataset.from_tensor_slices((_IDS, _CANDIDATES) if ids else _CANDIDATES).batch(3)
    streaming = tfrs.layers.factorized_top_k.Streaming(k=max(ks)).index_from_dataset(candidates)
    return tfrs.metrics.FactorizedTopK(streaming, ks=ks, name=name)


def _results(metric):
    return [float(result) for result in metric.result()]


def test_factorized_metrics_rank_the_corpus_given_as_one_or_as_a_list():
    for metrics in (_factorized(), [_factorized()]):
        retrieval = task.Retrieval(metrics=metrics)
        retrieval(_QUERIES, _CANDIDATES)
        np.testing.assert_allclose(_results(retrieval.factorized_metrics[0]), [2 / 3, 1.0])


def test_one_factorized_metric_assigned_later_is_used_like_one_given_at_first():
    retrieval = task.Retrieval()
    metric = _factorized()
    retrieval.factorized_metrics = metric
    retrieval(_QUERIES, _CANDIDATES)
    np.testing.assert_allclose(_results(metric), [2 / 3, 1.0])


def test_factorized_metrics_weigh_samples_and_leave_extra_negatives_out():
    metric = _factorized(ids=True)
    retrieval = task.Retrieval(metrics=metric)
    retrieval(_QUERIES[1:2], tf.gather(_CANDIDATES, [1, 0, 2]), candidate_ids=tf.gather(_IDS, [1, 0, 2]))
    np.testing.assert_allclose(_results(metric), [0.0, 1.0])
    retrieval(_QUERIES, _CANDIDATES, candidate_ids=_IDS, sample_weight=tf.constant([1.0, 0.0, 2.0]))
    # By hand: weights 1, 1, 0, 2 of which the first missed.
    np.testing.assert_allclose(_results(metric), [3 / 4, 1.0])


def test_factorized_metrics_are_left_alone_if_asked_to_or_with_several_heads():
    metric = _factorized()
    retrieval = task.Retrieval(metrics=metric)
    retrieval(_QUERIES, _CANDIDATES, compute_metrics=False)
    retrieval(_QUERIES[:, tf.newaxis, :], _CANDIDATES)
    assert _results(metric) == [0.0, 0.0]


def test_batch_metrics_see_one_hot_labels_and_the_corrected_logits():
    metric = tf.keras.metrics.TopKCategoricalAccuracy(k=1)
    retrieval = task.Retrieval(batch_metrics=[metric])
    retrieval(_QUERIES, _CANDIDATES)
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.reset_state()
    # A first candidate that comes a hundred times as often loses ln 100 = 4.6: row 0 now misses, row 1 hits.
    retrieval(_QUERIES, _CANDIDATES, candidate_sampling_probability=tf.constant([1.0, 0.01, 0.01]))
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.reset_state()
    retrieval(
        _QUERIES,
        _CANDIDATES,
        candidate_sampling_probability=tf.constant([1.0, 0.01, 0.01]),
        sample_weight=tf.constant([1.0, 0.0, 0.0]),
    )
    assert float(metric.result()) == 0.0
    retrieval(_QUERIES, _CANDIDATES, compute_batch_metrics=False)
    assert float(metric.result()) == 0.0


def test_loss_metrics_average_the_losses_of_the_batches():
    metric = tf.keras.metrics.Mean()
    retrieval = task.Retrieval(loss_metrics=[metric])
    losses = [float(retrieval(scale * _QUERIES, _CANDIDATES, compute_batch_metrics=False)) for scale in (0.0, 1.0)]
    # By hand: three rows of three equal logits cost 3 ln 3.
    assert losses[0] == pytest.approx(3 * np.log(3))
    assert float(metric.result()) == pytest.approx(np.mean(losses))


def test_the_given_loss_and_name_are_used():
    mean = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
    retrieval = task.Retrieval(loss=mean, name="watched")
    assert retrieval.name == "watched"
    assert float(retrieval(0.0 * _QUERIES, _CANDIDATES)) == pytest.approx(np.log(3))


class _Tutorial(tfrs.Model):
    """The model of TFRS's retrieval tutorial."""

    def __init__(self, task_class, users, movies, titles, **options):
        super().__init__()
        self.user_model, self.movie_model = (
            tf.keras.Sequential(
                [
                    tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None),
                    tf.keras.layers.Embedding(len(vocabulary) + 1, 8),
                ]
            )
            for vocabulary in (users, movies)
        )
        metrics = tfrs.metrics.FactorizedTopK(candidates=titles.batch(16).map(self.movie_model), ks=(1, 5))
        self.task = task_class(metrics=metrics, **options)

    def compute_loss(self, features, training=False):
        return self.task(
            self.user_model(features["user_id"]),
            self.movie_model(features["movie_title"]),
            compute_metrics=not training,
        )


def _train_tutorial(task_class, **options):
    generator = np.random.default_rng(0)
    users, movies = ([f"{kind} {i}" for i in range(20)] for kind in ("user", "movie"))
    picked = generator.integers(20, size=[200, 2])
    ratings = tf.data.Dataset.from_tensor_slices(
        {"user_id": np.array(users)[picked[:, 0]], "movie_title": np.array(movies)[picked[:, 1]]}
    ).batch(50)
    tf.keras.utils.set_random_seed(42)
    model = _Tutorial(task_class, users, movies, tf.data.Dataset.from_tensor_slices(movies), **options)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(learning_rate=0.5))
    history = model.fit(ratings, epochs=2, verbose=0).history
    return history["loss"], model.get_weights(), model.evaluate(ratings, return_dict=True, verbose=0)


def test_a_stock_tutorial_model_trains_and_evaluates_as_with_the_parent():
    options = {"temperature": 0.5, "num_hard_negatives": 20}
    losses, weights, results = _train_tutorial(task.Retrieval, **options)
    expected_losses, expected_weights, expected = _train_tutorial(tfrs.tasks.Retrieval, **options)
    assert losses[1] < losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    assert set(results) == set(expected)
    trained = [(ours, theirs) for ours, theirs in zip(weights, expected_weights, strict=True) if ours.ndim == 2]
    assert len(trained) == 2
    for ours, theirs in trained:
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for name, value in expected.items():
        # Without ids TFRS counts a positive among its own rivals where two roundings of its score differ, so
        # equal models differ in the rows, a twentieth of them, whose positive stands at the cut.
        np.testing.assert_allclose(results[name], value, atol=0.05 if "accuracy" in name else 1e-4, err_msg=name)
    assert results["factorized_top_k/top_5_categorical_accuracy"] > 0.25


def test_streamed_frequencies_go_with_metrics_over_a_corpus_that_has_ids():
    metric = _factorized(ids=True)
    estimate = frequency.StreamingFrequency(100)
    retrieval = task.Retrieval(metrics=metric, streaming_frequency=estimate)
    retrieval(_QUERIES, _CANDIDATES, candidate_ids=_IDS, training=False)
    np.testing.assert_allclose(_results(metric), [2 / 3, 1.0])
