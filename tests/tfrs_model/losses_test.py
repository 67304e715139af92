import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import column_masks, id_keys, losses


def test_log_q_lifts_a_rare_candidate_by_the_ratio_of_probabilities():
    corrected = losses.correct_logits(tf.zeros([1, 2]), tf.math.log([0.5, 0.005]))
    # By hand: -ln 0.5 = 0.6931, -ln 0.005 = 5.2983; the gap is ln 100.
    np.testing.assert_allclose(corrected, [[0.6931, 5.2983]], atol=1e-4)


def test_the_correction_belongs_to_columns_the_positives_included():
    corrected = losses.correct_logits(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([10.0, 100.0]))
    np.testing.assert_array_equal(corrected, [[-9.0, -98.0], [-7.0, -96.0]])


def test_a_factor_common_to_all_probabilities_changes_no_softmax():
    logits = tf.constant([[0.3, -1.0, 2.0]])
    probability, count = tf.constant([0.2, 0.05, 0.001]), tf.constant([1638.4, 409.6, 8.192])
    np.testing.assert_allclose(
        tf.nn.softmax(losses.correct_logits(logits, tf.math.log(count))),
        tf.nn.softmax(losses.correct_logits(logits, tf.math.log(probability))),
        rtol=1e-5,
    )


def _without_own_id(logits, labels, candidate_ids):
    keys = id_keys.id_keys(tf.constant(candidate_ids))
    return losses.mask_columns(logits, labels, column_masks.mask_columns(keys, keys[: len(labels), tf.newaxis]))


@pytest.mark.parametrize("candidate_ids", [["a", "b", "a", "b"], [7, 2**40, 7, 2**40]])
def test_an_accidental_hit_holds_no_softmax_mass_and_the_positive_keeps_its_own(candidate_ids):
    # Two queries with positives a and b; the third and fourth column repeat them.
    masked = _without_own_id(tf.zeros([2, 4]), tf.eye(2, 4), candidate_ids)
    mass = tf.nn.softmax(masked)
    # By hand: three columns of equal logits are left to row 0 and to row 1.
    np.testing.assert_allclose(mass, [[1 / 3, 1 / 3, 0, 1 / 3], [1 / 3, 1 / 3, 1 / 3, 0]], rtol=1e-6)
    assert mass[0, 2] == 0.0


def test_without_repeats_nothing_is_masked():
    logits = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(_without_own_id(logits, tf.eye(2, 3), ["a", "b", "c"]), logits)


def test_a_row_of_which_all_negatives_are_masked_costs_nothing_and_stays_finite():
    logits = tf.constant([[-5.0, 3.0, 80.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        masked = _without_own_id(logits, tf.eye(1, 3), ["a", "a", "a"])
        loss = tf.nn.softmax_cross_entropy_with_logits(tf.eye(1, 3), masked)
    np.testing.assert_array_equal(loss, [0.0])
    np.testing.assert_array_equal(tape.gradient(loss, logits), [[0.0, 0.0, 0.0]])
    assert np.isfinite(masked[0, 0] - masked[0, 1])


@pytest.mark.parametrize(
    ("num_hard_negatives", "expected"),
    [(1, {(1.0, 1.0), (9.0, 0.0)}), (2, {(1.0, 1.0), (9.0, 0.0), (5.0, 0.0)})],
)
def test_the_positive_is_kept_beside_the_highest_negatives(num_hard_negatives, expected):
    logits = tf.constant([[5.0, 1.0, 9.0, -2.0]])
    labels = tf.constant([[0.0, 1.0, 0.0, 0.0]])
    kept, kept_labels = losses.keep_hard_negatives(logits, labels, num_hard_negatives)
    assert set(zip(kept[0].numpy().tolist(), kept_labels[0].numpy().tolist(), strict=True)) == expected


@pytest.mark.parametrize("num_hard_negatives", [3, 4, 100])
def test_asking_for_more_negatives_than_there_are_keeps_all(num_hard_negatives):
    logits = tf.constant([[5.0, 1.0, 9.0, -2.0]])
    kept, kept_labels = losses.keep_hard_negatives(logits, tf.eye(1, 4), num_hard_negatives)
    np.testing.assert_array_equal(np.sort(kept), [[-2.0, 1.0, 5.0, 9.0]])
    assert kept[0, int(tf.argmax(kept_labels[0]))] == 5.0


def test_a_masked_positive_is_kept_and_masked_negatives_go_first():
    masked = column_masks.MASKED_LOGIT
    logits = tf.constant([[masked, 3.0, 4.0], [1.0, masked, 2.0]])
    labels = tf.constant([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    kept, kept_labels = losses.keep_hard_negatives(logits, labels, 1)
    np.testing.assert_array_equal(tf.reduce_sum(kept_labels, axis=1), [1.0, 1.0])
    np.testing.assert_array_equal(np.sort(kept), [[np.float32(masked), 4.0], [1.0, 2.0]])
