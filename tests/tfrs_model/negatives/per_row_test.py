import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import negatives

_IDS = tf.constant([f"c{i}" for i in range(50)])


def _row_negatives(**options):
    corpus = negatives.Corpus(_IDS, lambda rows: {"candidate_id": tf.gather(_IDS, rows)})
    return negatives.RowNegatives(corpus, **{"num_negatives": 4, **options})


def test_each_step_and_each_row_draw_anew_and_a_seed_repeats_them():
    first, second = _row_negatives(), _row_negatives()
    ids = _IDS[:200]
    draws = [first(ids, training=True).numpy() for _ in range(2)]
    assert draws[0].shape == (50, 4)
    assert (draws[0] != draws[1]).any()
    assert (draws[0][0] != draws[0][1]).any()
    np.testing.assert_array_equal(second(ids), draws[0])
    assert (_row_negatives(seed=1)(ids).numpy() != draws[0]).any()


def test_draws_are_uniform_over_the_corpus():
    layer = _row_negatives(num_negatives=40)
    drawn = np.concatenate([layer(_IDS, training=True).numpy().ravel() for _ in range(20)])
    counts = np.bincount(drawn, minlength=50)
    # 800 expected of each; five standard deviations are 140.
    assert counts.min() > 660
    assert counts.max() < 940


def test_own_candidate_and_history_are_no_negatives():
    rows = tf.constant([[3, 4, 5, 3], [0, 1, 2, 9]], tf.int64)
    history = tf.constant([["c5", ""], ["unknown", "c2"]])
    ids = tf.constant(["c3", "c3"])
    both = _row_negatives(masks_own_id=True).is_negative(rows, ids, history)
    np.testing.assert_array_equal(both, [[False, True, False, False], [True, True, False, True]])
    np.testing.assert_array_equal(_row_negatives().is_negative(rows, ids, history)[0], [True, True, False, True])
    assert _row_negatives().is_negative(rows, ids, None).numpy().all()


def test_embeddings_stand_where_the_rows_do():
    rows = tf.constant([[3, 4, 5, 3]], tf.int64)
    encoded = _row_negatives().encode(
        rows, lambda inputs: tf.strings.to_number(tf.strings.substr(inputs["candidate_id"], 1, -1))[:, tf.newaxis]
    )
    np.testing.assert_array_equal(encoded[:, :, 0], [[3, 4, 5, 3]])


def test_no_negatives_per_row_are_refused():
    with pytest.raises(ValueError, match="num_negatives of each row must be >= 1, but is 0"):
        _row_negatives(num_negatives=0)


def test_an_evaluation_does_not_go_on_to_the_next_draws():
    layer = _row_negatives()
    first = layer(_IDS, training=False).numpy()
    np.testing.assert_array_equal(layer(_IDS, training=True), first)
    assert (layer(_IDS, training=True).numpy() != first).any()
