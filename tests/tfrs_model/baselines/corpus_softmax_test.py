import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.baselines import corpus_softmax


def _inputs(num_rows=6, num_candidates=9, embedding_dim=3):
    generator = np.random.default_rng(0)
    queries, matrix = (generator.normal(size=[n, embedding_dim]).astype(np.float32) for n in (num_rows, num_candidates))
    rows = generator.integers(0, num_candidates, num_rows)
    return queries, matrix, rows, generator.uniform(0.5, 2.0, num_rows).astype(np.float32)


def test_a_row_costs_what_the_docstring_says():
    loss = corpus_softmax.CorpusSoftmax(np.ones(3))
    value = loss(tf.ones([1, 1]), tf.constant([[1.0], [0.0], [0.0]]), tf.constant([0], tf.int64), tf.ones([1]))
    assert float(value) == pytest.approx(np.log(np.e + 2) - 1, abs=1e-6) == pytest.approx(0.5514, abs=1e-4)


def test_the_softmax_is_over_all_candidates_and_rows_count_by_their_weight():
    queries, matrix, rows, weights = _inputs()
    value = corpus_softmax.CorpusSoftmax(np.ones(9), temperature=0.5)(queries, matrix, rows, weights, training=True)
    expected = []
    for query, row, weight in zip(queries, rows, weights, strict=True):
        scores = np.exp(matrix @ query / 0.5)
        expected.append(-weight * np.log(scores[row] / scores.sum()))
    assert float(value) == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_sample_sums_over_the_positive_and_draws_of_others_each_divided_by_its_expected_count():
    queries, matrix, rows, weights = _inputs()
    counts = np.arange(9)
    loss = corpus_softmax.CorpusSoftmax(counts, num_sampled=20, seed=3)
    drawn = loss.draw(0).numpy()
    expected_count = 20 * (counts + 1) / (counts + 1).sum()
    expected = []
    for query, row, weight in zip(queries, rows, weights, strict=True):
        own, corrected = np.exp(matrix[row] @ query), np.exp(matrix @ query) / expected_count
        expected.append(-weight * np.log(own / (own + corrected[drawn[drawn != row]].sum())))
    assert set(drawn) & set(rows)
    assert float(loss(queries, matrix, rows, weights, training=True)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_candidates_are_drawn_in_proportion_to_one_more_than_they_were_chosen():
    loss = corpus_softmax.CorpusSoftmax(np.array([0, 3, 0, 5]), num_sampled=20_000)
    shares = np.bincount(loss.draw(0).numpy(), minlength=4) / 20_000
    # Of 12 in all; the standard error is .0035 at most.
    np.testing.assert_allclose(shares, np.array([1, 4, 1, 6]) / 12, atol=0.015)


def test_draws_are_of_seed_and_step_and_only_training_goes_on_to_the_next():
    queries, matrix, rows, weights = _inputs()
    loss, again, other = (corpus_softmax.CorpusSoftmax(np.ones(9), num_sampled=5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(loss.draw(7), again.draw(7))
    assert (loss.draw(7).numpy() != loss.draw(8).numpy()).any()
    assert (loss.draw(7).numpy() != other.draw(7).numpy()).any()
    full = corpus_softmax.CorpusSoftmax(np.ones(9))(queries, matrix, rows, weights)
    asked = [float(loss(queries, matrix, rows, weights, training=False)) for _ in range(2)]
    assert asked == [float(full)] * 2
    first, second = (float(loss(queries, matrix, rows, weights, training=True)) for _ in range(2))
    assert first != second
    assert float(again(queries, matrix, rows, weights, training=True)) == first


def test_a_sample_of_very_many_draws_has_nearly_the_gradient_of_the_softmax():
    queries, matrix, rows, weights = _inputs()

    def gradient(loss):
        variable = tf.Variable(matrix)
        with tf.GradientTape() as tape:
            value = loss(queries, variable, rows, weights, training=True)
        return tf.convert_to_tensor(tape.gradient(value, variable)).numpy()

    full = gradient(corpus_softmax.CorpusSoftmax(np.arange(9)))
    sampled = gradient(corpus_softmax.CorpusSoftmax(np.arange(9), num_sampled=100_000))
    np.testing.assert_allclose(sampled, full, atol=0.02)
    assert np.abs(full).max() > 0.2


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"temperature": 0.0}, "temperature must be > 0 and finite, but is 0.0"),
        ({"num_sampled": 0}, "num_sampled must be >= 1, or None for all candidates, but is 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        corpus_softmax.CorpusSoftmax(np.ones(3), **parameters)
