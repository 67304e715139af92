import json

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tfrs_model import frequency

_BOTH = pytest.mark.parametrize("estimator", ["multiscale", "paper"])


def _layer(num_buckets=1000, **options):
    return frequency.StreamingFrequency(num_buckets, **options)


def _count(layer, *batches):
    for batch in batches:
        layer(tf.constant(batch, tf.string), training=True)
    return layer


def _read(layer, *ids):
    return layer(tf.constant(ids, tf.string)).numpy()


def _state(layer):
    return [weight.tobytes() for weight in layer.get_weights()]


def _batches(num_batches, seed=0):
    return (np.random.default_rng(seed).zipf(1.4, size=[num_batches, 8]) % 20).astype(str).tolist()


def test_the_default_expects_the_copies_of_a_batch():
    layer = _count(_layer(), ["a", "b"], ["a", "a", "a"], ["b"], ["a", "a"])
    # By hand: a came 6 times in 8 draws of 4 batches, b twice; windows of 256 steps and more forget 1% of it.
    np.testing.assert_allclose(_read(layer, "a", "b"), [1.5, 0.5], rtol=0.01)
    np.testing.assert_allclose(layer.sampling_probability(tf.constant(["a", "b"])), [0.75, 0.25], rtol=0.01)


def test_the_paper_expects_the_hits_of_a_step():
    layer = _layer(estimator="paper", options={"learning_rate": 1.0, "initial_gap": 50.0})
    _count(layer, ["a", "b"], ["a", "a", "a"], ["a"])
    # By hand: the last gaps of a and b are 1 and 1, c keeps its initial 50; a mean batch has 2 draws.
    np.testing.assert_allclose(_read(layer, "a", "b", "c"), [1.0, 1.0, 0.02], rtol=1e-6)
    np.testing.assert_allclose(layer.sampling_probability(tf.constant(["a", "c"])), [0.5, 0.01], rtol=1e-6)


def test_a_training_call_answers_with_its_own_batch_counted_in():
    layer = _layer()
    np.testing.assert_allclose(layer(tf.constant(["a", "b", "a", "a"]), training=True), [3, 1, 3, 3], rtol=1e-3)


@_BOTH
def test_reading_changes_nothing(estimator):
    layer = _count(_layer(estimator=estimator, sample_ids=["a"]), ["a", "a"], ["b"])
    before = _state(layer)
    for training in (False, None):
        layer(tf.constant(["a", "c"]), training=training)
    layer.sampling_probability(tf.constant(["a", "c"]))
    assert _state(layer) == before


@_BOTH
def test_a_batch_without_ids_is_no_step(estimator):
    layer = _count(_layer(estimator=estimator, sample_ids=["a"]), ["a", "a"], ["b"])
    before = _state(layer)
    assert layer(tf.constant([], tf.string), training=True).shape == (0,)
    assert layer.sampling_probability(tf.constant([], tf.int64)).shape == (0,)
    assert _state(layer) == before


@_BOTH
def test_integers_are_counted_as_their_decimal_strings(estimator):
    integers, strings = _layer(estimator=estimator), _layer(estimator=estimator)
    values = [-7, 2**63 - 1, -(2**63), -7, 0]
    integers(tf.constant(values, tf.int64), training=True)
    _count(strings, [str(value) for value in values])
    assert _state(integers) == _state(strings)
    np.testing.assert_array_equal(integers(tf.constant([-7, 5])), _read(strings, "-7", "5"))


def test_ids_of_any_alphabet_and_length_are_told_apart():
    ids = ["", "käse", "ka\u0308se", "映画", "🎬", "x" * 10_000, "x" * 10_001, "\x00"]
    layer = _count(_layer(), [each for n, each in enumerate(ids) for _ in range(n + 1)])
    np.testing.assert_allclose(_read(layer, *ids), range(1, 9), rtol=1e-3)


@_BOTH
def test_a_restored_estimate_continues_as_one_that_never_stopped(estimator, tmp_path):
    options = {"windows": (9, 5, 3)} if estimator == "multiscale" else {}

    def layer():
        return _layer(16, estimator=estimator, options=options, sample_ids=["1", "2"])

    first, second = _count(layer(), *_batches(30)[:12]), layer()
    path = tf.train.Checkpoint(frequency=first).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(frequency=second).restore(path).assert_consumed()
    for batch in _batches(30)[12:]:
        np.testing.assert_array_equal(*(each(tf.constant(batch), training=True) for each in (second, first)))
    assert _state(second) == _state(first)


@_BOTH
def test_a_graph_counts_and_reads_bit_for_bit_as_eager_calls_do(estimator):
    options = {"windows": (9, 5, 3)} if estimator == "multiscale" else {}
    eager, in_graph = (_layer(16, estimator=estimator, options=options) for _ in range(2))
    step = tf.function(lambda ids: in_graph(ids, training=True))
    for batch in _batches(60):
        np.testing.assert_array_equal(step(tf.constant(batch)), eager(tf.constant(batch), training=True))
    assert _state(eager) == _state(in_graph)


@_BOTH
def test_mixed_precision_leaves_the_counts_alone(estimator):
    plain = _count(_layer(estimator=estimator), *_batches(10))
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        mixed = _count(_layer(estimator=estimator), *_batches(10))
        expected = mixed(tf.constant(["1", "2", "new"]))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")
    assert _state(plain) == _state(mixed)
    np.testing.assert_array_equal(expected, _read(plain, "1", "2", "new"))


@_BOTH
def test_the_order_inside_a_batch_leaves_no_trace(estimator):
    generator = np.random.default_rng(1)
    forward, shuffled = (_layer(6, num_hashes=2, estimator=estimator, sample_ids=["1", "2"]) for _ in range(2))
    batches = _batches(15)
    _count(forward, *batches)
    _count(shuffled, *(generator.permutation(batch) for batch in batches))
    assert _state(forward) == _state(shuffled)


@_BOTH
def test_a_layer_made_from_the_config_counts_into_the_same_buckets_from_the_start(estimator):
    options = {"windows": [50, 5]} if estimator == "multiscale" else {"learning_rate": 0.3}
    fresh = _layer(6, num_hashes=3, seed=9, estimator=estimator, options=options, sample_ids=["a", "z"])
    initial = _state(fresh)
    layer = _count(fresh, ["a", "b", "a"], ["c"])
    config = json.loads(json.dumps(tf.keras.layers.serialize(layer)))
    copy = tf.keras.layers.deserialize(config)
    assert copy.get_config() == layer.get_config()
    assert _state(copy) == initial
    assert _state(_count(copy, ["a", "b", "a"], ["c"])) == _state(layer)


def _num_bytes(layer):
    return sum(weight.nbytes for weight in layer.get_weights())


@pytest.mark.parametrize(
    ("options", "scalars"),
    [
        # Step 8, weights and draws 3 x 8 each, products 9 x 8.
        ({}, 128),
        # Step 4, draws 8.
        ({"estimator": "paper"}, 12),
        # 256 keys and 256 counts of 8 bytes, steps and draws.
        ({"sample_ids": list(range(1000))}, 128 + 2 * 256 * 8 + 16),
    ],
)
def test_the_state_is_8_bytes_a_bucket_and_a_few_scalars(options, scalars):
    layer = _layer(500, num_hashes=3, **options)
    assert _num_bytes(layer) == 8 * 3 * 500 + scalars
    layer(tf.range(5000), training=True)
    assert _num_bytes(layer) == 8 * 3 * 500 + scalars


@pytest.mark.drill
def test_ten_million_ids_leave_the_bytes_of_the_state_unchanged():
    layer = _layer(2**16, sample_ids=list(range(300)))
    step = tf.function(lambda ids: layer(ids, training=True), input_signature=[tf.TensorSpec([None], tf.int64)])
    before = _num_bytes(layer)
    for begin in range(0, 10_000_000, 200_000):
        expected = step(tf.range(begin, begin + 200_000, dtype=tf.int64))
        assert np.all(np.isfinite(expected) & (expected > 0))
    assert _num_bytes(layer) == before == 8 * 4 * 2**16 + 128 + 2 * 256 * 8 + 16


_LAYERS = {each: _layer(5, num_hashes=2, estimator=each) for each in ("multiscale", "paper")}
_ANY_IDS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    # No surrogates: they have no UTF-8.
    st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=5),
)


@_BOTH
@hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
@hypothesis.given(ids=_ANY_IDS, training=st.booleans())
def test_ids_of_any_kind_leave_every_estimate_in_its_range(estimator, ids, training):
    # One layer takes in all examples, so the stream grows long.
    layer = _LAYERS[estimator]
    batch = tf.constant(ids, tf.string if not ids or isinstance(ids[0], str) else tf.int64)
    expected = layer(batch, training=training)
    probability = layer.sampling_probability(tf.concat([batch, batch], 0))
    assert np.all((expected > 0) & np.isfinite(np.log(expected)))
    assert np.all((probability > 0) & (probability <= 1))
    assert all(np.all(np.isfinite(weight)) for weight in layer.get_weights())


@pytest.mark.parametrize("training", [True, False])
def test_ids_that_are_neither_strings_nor_integers_are_refused(training):
    with pytest.raises(TypeError, match="must be strings or integers, but are float32"):
        _layer()(tf.constant([0.5]), training=training)


def test_an_estimator_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ValueError, match="must be one of multiscale, paper, but is 'exact'"):
        _layer(estimator="exact")


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match=r"num_hashes >= 1, but they are 5 and 0"):
        _layer(5, num_hashes=0)


@_BOTH
def test_split_buckets_give_every_id_the_estimate_that_it_had(estimator):
    few, many = (_layer(num_buckets, estimator=estimator) for num_buckets in (7, 21))
    generator = np.random.default_rng(0)
    _count(few, *(generator.choice([f"c{i}" for i in range(40)], 16).tolist() for _ in range(20)))
    # The first call makes the state.
    many(tf.constant(["c0"]))
    for old, new in zip(few.weights, many.weights, strict=True):
        new.assign(old if old.shape == new.shape else many.split_buckets(old.numpy()))
    ids = tf.constant([f"c{i}" for i in range(60)])
    np.testing.assert_array_equal(many(ids), few(ids))
    np.testing.assert_array_equal(many.sampling_probability(ids), few.sampling_probability(ids))


def test_buckets_can_only_be_split_into_a_whole_number():
    with pytest.raises(ValueError, match="num_buckets must be a multiple of the 6 that are split, but is 10"):
        _layer(10).split_buckets(np.zeros(24))


def test_buckets_double_until_there_are_two_for_each_id():
    # Of 4 hashes with 10 buckets 20 ids have two each, 21 have not.
    assert [frequency.num_buckets_for(num_ids, 4, 10) for num_ids in (1, 20, 21, 41)] == [10, 10, 20, 40]
