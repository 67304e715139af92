import collections

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfrs_model import negatives


def _columns_of(keys):
    """Embeddings and probabilities that tell which key they belong to."""
    keys = np.asarray(keys, np.int64)
    return np.stack([keys, -keys], axis=1).astype(np.float32), keys, (keys / 1000).astype(np.float32)


def _push(bank, keys):
    bank.push(*map(tf.constant, _columns_of(keys)))


def _held(bank):
    embeddings, keys, probability = (each.numpy() for each in bank.columns())
    expected = _columns_of(keys)
    for found, each in zip((embeddings, keys, probability), expected, strict=True):
        np.testing.assert_array_equal(found, each)
    return sorted(keys.tolist())


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(capacity=st.integers(1, 9), sizes=st.lists(st.integers(0, 12), max_size=12))
def test_the_bank_holds_what_a_queue_of_its_length_does(capacity, sizes):
    bank, queue, key = negatives.CandidateBank(capacity, 2), collections.deque(maxlen=capacity), 0
    for size in sizes:
        keys = range(key, key + size)
        key += size
        _push(bank, keys)
        queue.extend(keys)
        assert _held(bank) == sorted(queue)
        assert bank.num_columns() == len(queue)


def test_of_a_batch_larger_than_the_bank_the_newest_are_kept():
    bank = negatives.CandidateBank(3, 2)
    _push(bank, [1, 2])
    _push(bank, range(10, 20))
    assert _held(bank) == [17, 18, 19]
    _push(bank, [30])
    assert _held(bank) == [18, 19, 30]


def test_before_the_end_of_warm_up_it_fills_but_answers_with_nothing():
    bank = negatives.CandidateBank(4, 2, warm_up_steps=2)
    assert _held(bank) == []
    _push(bank, [1, 2])
    assert _held(bank) == []
    assert [each.shape for each in bank.columns()] == [(0, 2), (0,), (0,)]
    _push(bank, [3])
    assert _held(bank) == [1, 2, 3]


def test_a_graph_pushes_batches_of_any_size_as_eager_calls_do():
    bank = negatives.CandidateBank(5, 2)
    spec = [tf.TensorSpec([None, 2]), tf.TensorSpec([None], tf.int64), tf.TensorSpec([None])]

    @tf.function(input_signature=spec)
    def step(*columns):
        before = bank.columns()
        bank.push(*columns)
        return before, bank.columns()

    step(*map(tf.constant, _columns_of([1, 2, 3])))
    before, after = step(*map(tf.constant, _columns_of([4, 5, 6, 7])))
    assert sorted(before[1].numpy().tolist()) == [1, 2, 3]
    assert sorted(after[1].numpy().tolist()) == [3, 4, 5, 6, 7]


def test_no_gradient_flows_into_what_was_pushed():
    bank = negatives.CandidateBank(4, 2)
    embeddings = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        bank.push(embeddings, tf.constant([5], tf.int64), tf.constant([0.1]))
        loss = tf.reduce_sum(bank.columns()[0])
    assert loss == 3.0
    assert tape.gradient(loss, embeddings) is None
    assert bank.trainable_weights == []


def test_a_restored_bank_continues_as_one_that_never_stopped(tmp_path):
    first, second = (negatives.CandidateBank(5, 2, warm_up_steps=3) for _ in range(2))
    for keys in ([1, 2, 3], [4, 5, 6]):
        _push(first, keys)
    path = tf.train.Checkpoint(bank=first).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(bank=second).restore(path).assert_consumed()
    assert _held(second) == []
    for bank in (first, second):
        _push(bank, [7, 8])
    for one, other in zip(first.columns(), second.columns(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert _held(second) == [4, 5, 6, 7, 8]


def test_its_bytes_are_those_of_its_state():
    bank = negatives.CandidateBank(100, 7)
    # By hand: 100 * (7 * 4 + 8 + 4) + 2 * 8.
    assert bank.num_bytes == 4016
    assert sum(weight.nbytes for weight in bank.get_weights()) == 4016


def test_a_bank_beyond_its_budget_is_refused_before_it_is_made():
    assert negatives.CandidateBank(100, 7, memory_budget_bytes=4016).num_bytes == 4016
    with pytest.raises(
        negatives.CandidateBankError,
        match=r"A bank of 100 candidates of width 7 takes 4,016 bytes, but may take 4,015; lower its capacity",
    ):
        negatives.CandidateBank(100, 7, memory_budget_bytes=4015)


def test_a_bank_that_no_machine_holds_is_refused_without_a_budget():
    with pytest.raises(negatives.CandidateBankError, match="A bank of 1,000,000,000,000 candidates of width 64 takes"):
        negatives.CandidateBank(10**12, 64)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 2), "capacity of a candidate bank must be >= 1, but is 0"),
        ((2, 0), "embedding_dim of a candidate bank must be >= 1, but is 0"),
        ((2, 2, -1), "warm_up_steps of a candidate bank must be >= 0, but is -1"),
    ],
)
def test_a_size_out_of_its_range_is_refused(arguments, sentence):
    with pytest.raises(negatives.CandidateBankError, match=sentence):
        negatives.CandidateBank(*arguments)


def test_embeddings_of_another_width_are_refused():
    with pytest.raises(
        negatives.CandidateBankError, match=r"of width 2, but those pushed have the shape \(1, 3\); build"
    ):
        negatives.CandidateBank(4, 2).push(tf.zeros([1, 3]), tf.constant([5], tf.int64), tf.constant([0.1]))


def test_columns_of_different_length_are_refused_before_anything_is_stored():
    bank = negatives.CandidateBank(4, 2)
    with pytest.raises(negatives.CandidateBankError, match=r"one key and one probability, but the shapes are \(2, 2\)"):
        bank.push(tf.zeros([2, 2]), tf.constant([5], tf.int64), tf.constant([0.1, 0.2]))
    assert _held(bank) == []


def test_mixed_precision_leaves_the_state_in_float32():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        bank = negatives.CandidateBank(4, 2)
        _push(bank, [2049])
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    # 2049 has no float16.
    assert _held(bank) == [2049]


def test_a_layer_made_from_the_config_is_as_large_and_warms_up_as_long():
    bank = negatives.CandidateBank(4, 3, warm_up_steps=2, memory_budget_bytes=10**6)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(bank))
    assert copy.get_config() == bank.get_config()
    assert copy.num_bytes == bank.num_bytes
