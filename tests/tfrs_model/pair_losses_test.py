import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfrs_model import pair_losses

_rank = pair_losses.bayesian_personalised_ranking


@pytest.mark.parametrize(("mask", "expected"), [(None, 1.2201), ([[True, False]], 0.3133), ([[False, True]], 2.1269)])
def test_a_positive_of_one_beside_negatives_of_zero_and_three(mask, expected):
    # By hand: ln(1 + e^-1) = .3133 and ln(1 + e^2) = 2.1269.
    np.testing.assert_allclose(_rank(tf.constant([1.0]), tf.constant([[0.0, 3.0]]), mask), [expected], atol=1e-4)


@st.composite
def _rows(draw):
    shape = [draw(st.integers(0, 4)), draw(st.integers(0, 5))]
    numbers = st.floats(-50, 50, width=32)
    positives = draw(hnp.arrays(np.float32, shape[:1], elements=numbers))
    return positives, draw(hnp.arrays(np.float32, shape, elements=numbers)), draw(hnp.arrays(bool, shape))


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(_rows())
def test_the_loss_is_the_mean_over_the_kept_negatives(rows):
    positives, negatives, mask = rows
    expected = np.zeros(len(positives))
    for i, positive in enumerate(positives.astype(np.float64)):
        kept = [
            np.log1p(np.exp(float(each) - positive)) for each, keep in zip(negatives[i], mask[i], strict=True) if keep
        ]
        expected[i] = np.mean(kept) if kept else 0.0
    np.testing.assert_allclose(_rank(positives, negatives, mask), expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_pushes_positive_and_negatives_apart_by_what_is_missing():
    positives, negatives = tf.constant([1.0]), tf.constant([[0.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch([positives, negatives])
        loss = _rank(positives, negatives)
    of_positive, of_negatives = tape.gradient(loss, [positives, negatives])
    # By hand: sigmoid(-1) = .2689 and sigmoid(2) = .8808, each over two negatives.
    np.testing.assert_allclose(of_negatives, [[0.1345, 0.4404]], atol=1e-4)
    np.testing.assert_allclose(of_positive, [-0.5749], atol=1e-4)


@pytest.mark.parametrize("left_out", [float("inf"), float("-inf"), float("nan"), 3e38])
def test_what_is_left_out_may_be_anything_and_a_row_without_negatives_costs_nothing(left_out):
    positives, negatives = tf.constant([1.0, 1.0]), tf.constant([[0.0, left_out], [left_out, left_out]])
    with tf.GradientTape() as tape:
        tape.watch([positives, negatives])
        loss = _rank(positives, negatives, tf.constant([[True, False], [False, False]]))
    of_positive, of_negatives = tape.gradient(loss, [positives, negatives])
    np.testing.assert_allclose(loss, [0.3133, 0.0], atol=1e-4)
    np.testing.assert_allclose(of_negatives, [[0.2689, 0.0], [0.0, 0.0]], atol=1e-4)
    np.testing.assert_allclose(of_positive, [-0.2689, 0.0], atol=1e-4)


def test_far_apart_logits_cost_their_distance_or_nothing():
    losses = _rank(tf.constant([1e4, -1e4]), tf.constant([[-1e4], [1e4]]))
    np.testing.assert_array_equal(losses, [0.0, 2e4])


@pytest.mark.parametrize(
    ("positives", "negatives", "mask"),
    [([2, 1], [2, 3], [2, 3]), ([2], [2], [2]), ([2], [2, 3], [3]), ([2], [2, 3], [2, 1])],
)
def test_shapes_that_do_not_belong_together_are_refused(positives, negatives, mask):
    with pytest.raises(ValueError, match=r"\[batch_size, num_negatives\] negatives and mask, but got shapes \("):
        _rank(tf.zeros(positives), tf.zeros(negatives), tf.ones(mask, tf.bool))


def test_row_counts_that_only_the_graph_knows_are_compared_there():
    compiled = tf.function(_rank, input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None, None])])
    for num_positives in (1, 3):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="a row of negatives for each positive"):
            compiled(tf.zeros([num_positives]), tf.zeros([2, 5]))
