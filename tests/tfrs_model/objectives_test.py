import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import column_masks, objectives


def _rows(positives, negatives, log_complement=None):
    negatives = np.asarray(negatives, np.float32)
    kept = (negatives > column_masks.MASKED_LOGIT / 2).sum(axis=1)
    return objectives.Rows(
        tf.constant(positives, tf.float32),
        tf.constant(negatives),
        tf.constant(kept, tf.float32),
        None if log_complement is None else tf.constant(log_complement, tf.float32),
    )


@pytest.mark.parametrize(
    ("objective", "positive", "negatives", "loss"),
    [
        (objectives.Softmax(), 1.0, [-1.0, -1.0, -1.0], 0.3408),
        (objectives.Softmax(), 5.0, [-5.0, -5.0, -5.0], 1.3619e-4),
        (objectives.BayesianPersonalisedRanking(), 1.0, [0.0, 2.0], 0.8133),
        (objectives.BinaryCrossEntropy(), 2.0, [0.0, -1.0], 0.6301),
        (objectives.SquaredError(), 0.5, [0.0, 0.4], 0.33),
        # By hand: (.25 + .08) / .25.
        (objectives.SquaredError(variance=0.25), 0.5, [0.0, 0.4], 1.32),
        # By hand: .5 * .25 for the positive, and .5 * (2 - .25) / 2 for the negatives.
        (objectives.SquaredError(huber_delta=0.5), 0.5, [0.0, 2.0], 0.5625),
    ],
)
def test_a_row_costs_what_the_formula_says(objective, positive, negatives, loss):
    np.testing.assert_allclose(objective.gradients(_rows([positive], [negatives])).losses, [loss], rtol=1e-3)


def test_the_corrected_softmax_leaves_the_positive_out_of_its_negatives():
    # p = 2, f = (1, 0), Q = (.2, .1), Q(positive) = .5, as in the docstring, where it is worked out by hand.
    negatives = [[1.0 - np.log(0.2), 0.0 - np.log(0.1)]]
    gradients = objectives.CorrectedSoftmax().gradients(_rows([2.0], negatives, [np.log(0.5)]))
    np.testing.assert_allclose(gradients.losses, [0.2076], atol=1e-4)
    np.testing.assert_allclose(gradients.positive_probability, [0.5561], atol=1e-4)
    # Its gradient is (1 - P) times that of a softmax over the negatives alone: e^1.916 / (e^1.916 + e^1.609) = .5761.
    shares = gradients.of_negatives * gradients.scale[:, tf.newaxis]
    np.testing.assert_allclose(shares, [[0.4439 * 0.5761, 0.4439 * 0.4239]], atol=1e-4)
    np.testing.assert_allclose(gradients.of_positives, [-0.4439], atol=1e-4)


@pytest.mark.parametrize("name", sorted(objectives.OBJECTIVES))
def test_gradients_are_the_slopes_of_the_losses_and_masked_columns_have_none(name):
    objective = objectives.OBJECTIVES[name]()
    positives = np.array([0.3, -0.7, 0.9], np.float32)
    negatives = np.array([[0.1, -2.0, 1.5], [0.2, 0.4, -0.3], [0.0, -1.0, 2.0]], np.float32)
    negatives[1, 2] = column_masks.MASKED_LOGIT
    gradients = objective.gradients(_rows(positives, negatives))
    of_negatives = np.asarray(gradients.of_negatives * gradients.scale[:, tf.newaxis])
    assert of_negatives[1, 2] == 0.0
    step = 1e-2
    for row, column in [(0, 0), (0, 2), (1, 1), (2, 0), (2, 1)]:
        up, down = negatives.copy(), negatives.copy()
        up[row, column] += step
        down[row, column] -= step
        slope = (_loss(objective, positives, up)[row] - _loss(objective, positives, down)[row]) / (2 * step)
        assert of_negatives[row, column] == pytest.approx(slope, abs=2e-3)
    slopes = (_loss(objective, positives + step, negatives) - _loss(objective, positives - step, negatives)) / (
        2 * step
    )
    np.testing.assert_allclose(gradients.of_positives, slopes, atol=2e-3)


def _loss(objective, positives, negatives):
    return objective.gradients(_rows(positives, negatives)).losses.numpy()


@pytest.mark.parametrize(
    "objective", [*(make() for make in objectives.OBJECTIVES.values()), objectives.CorrectedSoftmax()]
)
def test_a_row_without_negatives_is_finite_and_a_list_or_pair_without_them_costs_nothing(objective):
    gradients = objective.gradients(_rows([0.4], [[column_masks.MASKED_LOGIT] * 3], [np.log(0.5)]))
    of_negatives = gradients.of_negatives * gradients.scale[:, tf.newaxis]
    assert np.isfinite(gradients.losses).all()
    np.testing.assert_array_equal(of_negatives, [[0.0, 0.0, 0.0]])
    if isinstance(objective, objectives.Softmax | objectives.CorrectedSoftmax | objectives.BayesianPersonalisedRanking):
        assert float(gradients.losses[0]) == 0.0
        assert float(gradients.of_positives[0]) == 0.0


@pytest.mark.parametrize("options", [{"huber_delta": 0.0}, {"variance": 0.0}, {"variance": float("inf")}])
def test_sizes_of_the_squared_error_that_make_no_loss_are_refused(options):
    with pytest.raises(ValueError, match="must be > 0"):
        objectives.SquaredError(**options)


def test_a_normalised_huber_loss_is_refused():
    with pytest.raises(ValueError, match="give either huber_delta or variance"):
        objectives.SquaredError(huber_delta=1.0, variance=0.5)
