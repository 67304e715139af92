"""What every encoder promises."""

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import history

_WIDTH = 8
_NAMES = ["mean", "recency_weighted_mean", "gru", "self_attention", "self_attention with time gaps"]
_SECOND = 1_000_000

every_encoder = pytest.mark.parametrize("name", _NAMES)


def _build(name, **options):
    if name == "self_attention with time gaps":
        options["reads_time_gaps"] = True
    encoder = history.build_encoder(name.split(" ")[0], _WIDTH, seed=5, **options)
    # Biases and gains start alike everywhere, and would hide what they are given to.
    generator = np.random.default_rng(1)
    for weight in encoder.trainable_weights:
        weight.assign_add(generator.normal(scale=0.3, size=weight.shape).astype(np.float32))
    return encoder


def _rows(num_rows=6, length=20, share=0.6, seed=0):
    generator = np.random.default_rng(seed)
    present = generator.random([num_rows, length]) < share
    embeddings = generator.normal(size=[num_rows, length, _WIDTH]).astype(np.float32) * present[..., np.newaxis]
    gaps = (10.0 ** generator.uniform(0, 8, [num_rows, length]) * _SECOND).astype(np.int64)
    timestamps = np.where(generator.random([num_rows, length]) < 0.8, 10**15 + np.cumsum(gaps, axis=1), -1)
    return embeddings, present, timestamps


def _close(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@every_encoder
def test_there_is_a_state_before_each_position_and_one_after_the_last(name):
    assert _build(name)(*_rows()).shape == (6, 21, _WIDTH)


@every_encoder
def test_a_state_is_zero_until_something_is_present(name):
    embeddings, present, timestamps = _rows()
    present[:, :7] = present[3] = False
    embeddings *= present[..., np.newaxis]
    states = _build(name)(embeddings, present, timestamps).numpy()
    assert np.all(states[:, :8] == 0.0)
    assert np.all(states[3] == 0.0)
    for row in np.flatnonzero(present.any(axis=1)):
        first = np.argmax(present[row])
        assert np.all(np.abs(states[row, first + 1 :]).sum(axis=-1) > 0.0)


@every_encoder
def test_a_state_depends_on_nothing_behind_it(name):
    encoder, (embeddings, present, timestamps) = _build(name), _rows()
    later_embeddings, later_present, later_timestamps = _rows(seed=9)
    states = encoder(embeddings, present, timestamps).numpy()
    for n in (0, 1, 10, 19):
        mixed = [
            np.concatenate([ours[:, :n], theirs[:, n:]], axis=1)
            for ours, theirs in (
                (embeddings, later_embeddings),
                (present, later_present),
                (timestamps, later_timestamps),
            )
        ]
        _close(encoder(*mixed)[:, : n + 1], states[:, : n + 1])


@every_encoder
def test_the_last_state_of_a_prefix_is_the_state_that_all_positions_have_there(name):
    encoder, rows = _build(name), _rows()
    states = encoder(*rows).numpy()
    for n in range(21):
        prefix = [each[:, :n] for each in rows]
        _close(encoder(*prefix), states[:, : n + 1])
        _close(encoder.last_state(*prefix), states[:, n])


@every_encoder
def test_absent_positions_before_between_and_behind_change_no_state(name):
    encoder, (embeddings, present, timestamps) = _build(name), _rows(length=9, share=1.0)
    states = encoder(embeddings, present, timestamps).numpy()
    at = np.array([2, 3, 7, 8, 9, 12, 13, 14, 18])
    spread = [np.zeros([6, 30, *each.shape[2:]], each.dtype) for each in (embeddings, present, timestamps)]
    for wide, each in zip(spread, (embeddings, present, timestamps), strict=True):
        wide[:, at] = each
    wide_states = encoder(*spread).numpy()
    num_present = np.searchsorted(at, np.arange(31))
    _close(wide_states, states[:, num_present])
    _close(encoder.last_state(*spread), states[:, -1])


@every_encoder
def test_rows_of_a_batch_do_not_see_each_other(name):
    encoder, rows = _build(name), _rows()
    alone = [encoder(*(each[row : row + 1] for each in rows)) for row in range(6)]
    _close(tf.concat(alone, axis=0), encoder(*rows))


@every_encoder
@pytest.mark.parametrize(("num_rows", "length"), [(3, 0), (0, 4), (0, 0)])
def test_no_rows_and_no_positions_have_their_zero_states(name, num_rows, length):
    encoder, rows = _build(name), _rows(num_rows, length)
    states = encoder(*rows).numpy()
    assert states.shape == (num_rows, length + 1, _WIDTH)
    np.testing.assert_array_equal(states, np.zeros_like(states))
    np.testing.assert_array_equal(encoder.last_state(*rows), np.zeros([num_rows, _WIDTH]))


@every_encoder
def test_a_history_of_one_is_no_special_case(name):
    encoder, rows = _build(name), _rows(length=1, share=1.0)
    states = encoder(*rows).numpy()
    assert states.shape == (6, 2, _WIDTH)
    assert np.all(np.abs(states[:, 1]).sum(axis=1) > 0.0)
    _close(encoder.last_state(*rows), states[:, 1])


@every_encoder
def test_a_graph_for_any_number_of_rows_and_positions_answers_the_same(name):
    encoder = _build(name)

    @tf.function(input_signature=_signature())
    def in_graph(embeddings, present, timestamps):
        return encoder(embeddings, present, timestamps), encoder.last_state(embeddings, present, timestamps)

    for shape in ((6, 20), (1, 1), (2, 0), (4, 7)):
        rows = _rows(*shape)
        states, last = in_graph(*rows)
        _close(states, encoder(*rows))
        _close(last, encoder.last_state(*rows))


@every_encoder
def test_a_saved_encoder_answers_the_same(name, tmp_path):
    encoder, rows = _build(name), _rows()
    module = tf.Module()
    module.encoder = encoder
    module.states = tf.function(lambda *rows: encoder(*rows), input_signature=_signature())
    module.last = tf.function(lambda *rows: encoder.last_state(*rows), input_signature=_signature())
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    rows = [tf.constant(each) for each in rows]
    _close(loaded.states(*rows), encoder(*rows))
    _close(loaded.last(*rows), encoder.last_state(*rows))


def _signature():
    return [
        tf.TensorSpec([None, None, _WIDTH], tf.float32),
        tf.TensorSpec([None, None], tf.bool),
        tf.TensorSpec([None, None], tf.int64),
    ]


@every_encoder
@pytest.mark.parametrize("method", ["__call__", "last_state"])
def test_gradients_are_finite_and_reach_what_is_present_only(name, method):
    encoder, (embeddings, present, timestamps) = _build(name), _rows()
    present[2], present[4] = False, True
    embeddings = tf.constant(embeddings * present[..., np.newaxis])
    generator = np.random.default_rng(3)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        states = getattr(encoder, method)(embeddings, present, timestamps)
        loss = tf.reduce_sum(states * generator.normal(size=states.shape))
    gradients = tape.gradient(loss, [embeddings, *encoder.trainable_weights])
    assert all(np.all(np.isfinite(each)) for each in gradients)
    if method == "__call__" and name != "mean":
        # Else a gradient at an absent position is dropped with the masked row of its table.
        assert np.all(gradients[0].numpy()[~present] == 0.0)
    assert all(np.any(each.numpy() != 0.0) for each in gradients)


@every_encoder
def test_gradients_of_rows_without_any_history_are_finite(name):
    encoder, (embeddings, present, timestamps) = _build(name), _rows(share=0.0)
    for method in (encoder, encoder.last_state):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(method(tf.constant(embeddings), present, timestamps) - 1.0) ** 2
        gradients = tape.gradient(loss, encoder.trainable_weights)
        assert all(each is None or np.all(np.isfinite(each)) for each in gradients)


@every_encoder
def test_the_configuration_makes_an_equal_encoder(name):
    encoder, rows = history.build_encoder(name.split(" ")[0], _WIDTH, seed=5, **_gaps(name)), _rows()
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(encoder))
    assert copy.get_config() == encoder.get_config()
    np.testing.assert_array_equal(copy(*rows), encoder(*rows))


def _gaps(name):
    return {"reads_time_gaps": True} if name.endswith("time gaps") else {}


@pytest.mark.parametrize("name", ["gru", "self_attention"])
def test_first_weights_are_those_of_the_seed(name):
    def weights(seed, layer_name="history"):
        encoder = history.build_encoder(name, _WIDTH, num_layers=2, seed=seed, name=layer_name)
        return [weight.numpy() for weight in encoder.trainable_weights]

    for first, second in zip(weights(1), weights(1), strict=True):
        np.testing.assert_array_equal(first, second)
    for other in (weights(2), weights(1, "other")):
        drawn = [np.any(a != b) for a, b in zip(weights(1), other, strict=True) if np.unique(a).size > 2]
        assert all(drawn)
    # No two matrices are equal: each has a draw of its own.
    matrices = [each.tobytes() for each in weights(1) if np.unique(each).size > 2]
    assert len(matrices) == len(set(matrices)) >= 4


@pytest.mark.parametrize("name", ["gru", "self_attention"])
@pytest.mark.parametrize("method", ["__call__", "last_state"])
def test_dropout_draws_in_training_alone_and_repeats_itself_after_a_restore(name, method, tmp_path):
    def build():
        return history.build_encoder(name, _WIDTH, num_layers=2, dropout=0.4, seed=5)

    def train(encoder):
        return getattr(encoder, method)(*_rows(), training=True).numpy()

    encoder = build()
    np.testing.assert_array_equal(getattr(encoder, method)(*_rows()), getattr(encoder, method)(*_rows()))
    first, second = train(encoder), train(encoder)
    assert np.any(first != second)
    path = tf.train.Checkpoint(encoder=encoder).save(tmp_path / "checkpoint")
    undisturbed = train(encoder)
    resumed = build()
    tf.train.Checkpoint(encoder=resumed).restore(path).assert_consumed()
    np.testing.assert_array_equal(train(resumed), undisturbed)


@every_encoder
@pytest.mark.parametrize("method", ["__call__", "last_state"])
def test_embeddings_of_another_width_are_refused_with_a_sentence(name, method):
    encoder = _build(name)
    with pytest.raises(ValueError, match=r"embeddings must be \[num_rows, length, 8\], but are \(2, 3, 5\); give the"):
        getattr(encoder, method)(tf.zeros([2, 3, 5]), tf.ones([2, 3], tf.bool), tf.zeros([2, 3], tf.int64))
