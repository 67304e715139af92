import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import frequency, id_keys, negatives

_IDS = [f"c{i}" for i in range(10)]


def _pool(**sources):
    ids = tf.constant(_IDS)
    estimate = frequency.StreamingFrequency(200, name="estimate")
    corpus = negatives.Corpus(ids, lambda rows: {"candidate_id": tf.gather(ids, rows)})
    return negatives.NegativePool(corpus, estimate, is_per_draw=True, **sources), estimate


_TABLE = tf.constant(np.random.default_rng(0).normal(size=[10, 3]), tf.float32)


def _encode(inputs, training):
    del training
    numbers = tf.strings.to_number(tf.strings.substr(inputs["candidate_id"], 1, -1), tf.int32)
    return tf.gather(_TABLE, numbers)


def _step(pool, ids):
    embeddings = _encode({"candidate_id": tf.constant(ids)}, True)
    return pool(embeddings, embeddings, tf.constant(ids), _encode)


def test_a_column_is_as_probable_as_batch_and_uniform_draws_together_make_it():
    pool, estimate = _pool(uniform_negatives=negatives.UniformNegatives(10, 5))
    columns = _step(pool, ["c0", "c0", "c1", "c2"])
    drawn = [_IDS[row] for row in negatives.UniformNegatives(10, 5).draw(0).numpy()]
    ids = ["c0", "c0", "c1", "c2", *drawn]
    np.testing.assert_array_equal(columns.keys, id_keys.id_keys(tf.constant(ids)))
    # By hand: 4 q + 5 / 10 copies among 9 columns.
    share = estimate.sampling_probability(tf.constant(ids)).numpy()
    np.testing.assert_allclose(columns.probability, (4 * share + 0.5) / 9, rtol=1e-5)
    np.testing.assert_allclose(columns.probability[:4], (4 * np.array([0.5, 0.5, 0.25, 0.25]) + 0.5) / 9, rtol=0.02)


def test_probabilities_over_the_corpus_sum_to_one():
    hard = negatives.CorpusHardNegatives(10, 3, num_negatives=64, temperature=0.5, refresh_every=1)
    pool, _ = _pool(uniform_negatives=negatives.UniformNegatives(10, 64), hard_negatives=hard)
    columns = _step(pool, _IDS)
    by_key = dict(zip(columns.keys.numpy().tolist(), columns.probability.numpy().tolist(), strict=True))
    assert len(by_key) == 10
    assert sum(by_key.values()) == pytest.approx(1.0, rel=0.02)
    assert max(by_key.values()) > 1.5 * min(by_key.values())


def test_an_id_outside_the_corpus_is_drawn_from_the_stream_alone():
    pool, estimate = _pool(uniform_negatives=negatives.UniformNegatives(10, 6))
    embeddings = tf.ones([2, 3])
    columns = pool(embeddings, embeddings, tf.constant(["new", "c1"]), _encode)
    share = estimate.sampling_probability(tf.constant(["new", "c1"])).numpy()
    np.testing.assert_allclose(columns.probability[:2], (2 * share + [0.0, 0.6]) / 8, rtol=1e-5)


def test_the_bank_brings_the_candidates_of_earlier_steps_and_they_count_as_drawn_from_the_stream():
    pool, estimate = _pool(bank=negatives.CandidateBank(4, 3))
    first = _step(pool, ["c0", "c1"])
    assert first.keys.shape == [2]
    second = _step(pool, ["c2", "c3"])
    expected = id_keys.id_keys(tf.constant(["c2", "c3", "c0", "c1"]))
    np.testing.assert_array_equal(second.keys, expected)
    np.testing.assert_array_equal(second.embeddings[2:], _TABLE[:2])
    # Four columns of the stream among four: the share itself, that of the bank as it was when it was filled.
    share = estimate.sampling_probability(tf.constant(["c2", "c3"]))
    np.testing.assert_allclose(second.probability[:2], share, rtol=1e-5)
    np.testing.assert_allclose(second.probability[2:], first.probability, rtol=1e-5)


def test_gradients_reach_the_draws_and_stop_at_the_bank():
    pool, _ = _pool(uniform_negatives=negatives.UniformNegatives(10, 3), bank=negatives.CandidateBank(4, 3))
    table = tf.Variable(_TABLE)

    def encode(inputs, training):
        del training
        numbers = tf.strings.to_number(tf.strings.substr(inputs["candidate_id"], 1, -1), tf.int32)
        return tf.gather(table, numbers)

    ids = tf.constant(["c0", "c1"])
    for _ in range(2):
        with tf.GradientTape() as tape:
            embeddings = encode({"candidate_id": ids}, True)
            columns = pool(embeddings, embeddings, ids, encode)
            total = tf.reduce_sum(columns.embeddings[2:])
        touched = np.flatnonzero(np.any(tf.convert_to_tensor(tape.gradient(total, table)).numpy(), axis=1))
    np.testing.assert_array_equal(touched, np.unique(negatives.UniformNegatives(10, 3).draw(1)))


def test_draws_go_on_where_a_checkpoint_left_them(tmp_path):
    def draws(pool, num_steps):
        return [_step(pool, ["c0", "c1"]).keys[2:].numpy().tolist() for _ in range(num_steps)]

    whole = draws(_pool(uniform_negatives=negatives.UniformNegatives(10, 4))[0], 4)
    pool, _ = _pool(uniform_negatives=negatives.UniformNegatives(10, 4))
    first = draws(pool, 2)
    path = tf.train.Checkpoint(pool=pool).save(tmp_path / "checkpoint")
    again, _ = _pool(uniform_negatives=negatives.UniformNegatives(10, 4))
    tf.train.Checkpoint(pool=again).restore(path)
    assert first + draws(again, 2) == whole
    assert whole[0] != whole[1]


def test_without_a_correction_there_is_no_probability():
    ids = tf.constant(_IDS)
    corpus = negatives.Corpus(ids, lambda rows: {"candidate_id": tf.gather(ids, rows)})
    pool = negatives.NegativePool(
        corpus, None, uniform_negatives=negatives.UniformNegatives(10, 3), bank=negatives.CandidateBank(4, 3)
    )
    assert _step(pool, ["c0"]).probability is None
    assert _step(pool, ["c0"]).keys.shape == [5]


def test_a_pool_that_brings_nothing_yet_expects_what_the_batch_alone_does():
    corpus = negatives.Corpus(tf.constant(_IDS), lambda rows: {"candidate_id": tf.gather(tf.constant(_IDS), rows)})
    estimate, bank = frequency.StreamingFrequency(200), negatives.CandidateBank(8, 3, warm_up_steps=99)
    columns = _step(negatives.NegativePool(corpus, estimate, bank=bank), ["c0", "c0", "c1"])
    np.testing.assert_allclose(columns.probability, [2.0, 2.0, 1.0], rtol=0.02)
