import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import row_task

_QUERIES = tf.constant([[1.0, 0.0], [0.0, 1.0]])
_CANDIDATES = tf.constant([[1.0, 0.0], [1.0, 1.0]])
_NEGATIVES = tf.constant([[[0.0, 1.0], [2.0, 0.0]], [[1.0, 0.0], [0.0, -1.0]]])


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        # By hand: positives 1 and 1, negatives (0, 2) and (0, -1).
        ("softmax", (np.log(1 + np.exp(-1) + np.exp(1)) + np.log(1 + np.exp(-1) + np.exp(-2))) / 2),
        ("bayesian_personalised_ranking", ((0.31326 + 1.31326) / 2 + (0.31326 + 0.12693) / 2) / 2),
        ("squared_error", (0 + (0 + 4) / 2 + 0 + (0 + 1) / 2) / 2),
    ],
)
def test_a_row_is_compared_with_its_own_negatives_alone(objective, expected):
    loss = row_task.RowTask(objective, 1.0)(_QUERIES, _CANDIDATES, negative_embeddings=_NEGATIVES)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_what_is_no_negative_costs_nothing_and_has_no_gradient():
    task = row_task.RowTask("softmax", 1.0)
    with tf.GradientTape() as tape:
        tape.watch(_NEGATIVES)
        is_negative = tf.constant([[True, False], [True, True]])
        loss = task(_QUERIES, _CANDIDATES, negative_embeddings=_NEGATIVES, is_negative=is_negative)
    expected = (np.log(1 + np.exp(-1)) + np.log(1 + np.exp(-1) + np.exp(-2))) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    gradient = tape.gradient(loss, _NEGATIVES).numpy()
    assert not gradient[0, 1].any()
    # By hand: the share of row 0's one negative, e^0 / (e^1 + e^0) = .2689, times the query, over two rows.
    np.testing.assert_allclose(gradient[0, 0], [0.2689 / 2, 0.0], atol=1e-4)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        # By hand: scores 1 and 1 with labels 1 and 0.
        ("binary_cross_entropy", (0.31326 + 1.31326) / 2),
        ("squared_error", 0.5),
        ("huber", 0.5 * 0.75 / 2),
        # The labels' variance is .25.
        ("normalised_squared_error", 2.0),
    ],
)
def test_a_labelled_pair_costs_by_its_label(objective, expected):
    loss = row_task.RowTask(objective, 1.0)(_QUERIES, _CANDIDATES, labels=tf.constant([1.0, 0.0]))
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_temperature_and_weights_count():
    loss = row_task.RowTask("binary_cross_entropy", 0.5)(
        _QUERIES, _CANDIDATES, labels=tf.constant([1.0, 0.0]), sample_weight=tf.constant([3.0, 0.0])
    )
    # By hand: 3 * softplus(-2) / 2.
    assert float(loss) == pytest.approx(3 * 0.126928 / 2, rel=1e-4)


@pytest.mark.parametrize("arguments", [{}, {"labels": tf.ones([2]), "negative_embeddings": _NEGATIVES}])
def test_negatives_and_labels_exclude_each_other(arguments):
    with pytest.raises(ValueError, match="either negatives or a label"):
        row_task.RowTask("squared_error", 1.0)(_QUERIES, _CANDIDATES, **arguments)


def test_a_label_for_an_objective_that_compares_is_refused():
    with pytest.raises(ValueError, match="objective is 'softmax', which compares candidates"):
        row_task.RowTask("softmax", 1.0)(_QUERIES, _CANDIDATES, labels=tf.ones([2]))


def test_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match="objective must be one of softmax,"):
        row_task.RowTask("hinge", 1.0)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be > 0 and finite"):
        row_task.RowTask("softmax", temperature)


def test_equal_labels_have_no_variance_to_normalise_by():
    with pytest.raises(tf.errors.InvalidArgumentError, match="labels that differ within a batch"):
        row_task.RowTask("normalised_squared_error", 1.0)(_QUERIES, _CANDIDATES, labels=tf.ones([2]))
