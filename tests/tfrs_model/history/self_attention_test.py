import math

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import history

_WIDTH, _NUM_HEADS, _NUM_LAYERS = 8, 2, 2


def _norm(vector, gain):
    return gain * vector / np.sqrt(np.mean(vector**2) + 1e-6)


def _bias(weights, head, distance, times, i, j):
    """The bias of position i on position j <= i: T5's buckets of distances, powers of two of the gap in time."""
    bucket = distance if distance < 16 else min(16 + int(16 * math.log(distance / 16) / math.log(8)), 31)
    bias = weights["position_bias"][head, bucket]
    if times is None:
        return bias
    if times[i] == -1 or times[j] == -1:
        return bias + weights["time_gap_bias"][head, 32]
    gap = max(times[i] - times[j], 0)
    return bias + weights["time_gap_bias"][head, min(max(gap.bit_length() - 20, 0), 31)]


def _attend(vectors, times, weights, block):
    queries, attended = [_norm(x, block["attention_gain"]) for x in vectors], []
    keys_and_values = [x @ block["key_value_kernel"] for x in queries]
    size = _WIDTH // _NUM_HEADS
    for i, x in enumerate(queries):
        heads = []
        for head in range(_NUM_HEADS):
            part = slice(head * size, (head + 1) * size)
            query = (x @ block["query_kernel"])[part]
            logits = [
                query @ keys_and_values[j][:_WIDTH][part] / math.sqrt(size) + _bias(weights, head, i - j, times, i, j)
                for j in range(i + 1)
            ]
            shares = np.exp(logits) / np.sum(np.exp(logits))
            heads.append(sum(share * keys_and_values[j][_WIDTH:][part] for j, share in enumerate(shares)))
        attended.append(np.concatenate(heads) @ block["attention_kernel"])
    return attended


def _transform(vector, block):
    gate, up = np.split(_norm(vector, block["hidden_gain"]) @ block["gate_and_up_kernel"], 2)
    return (gate / (1.0 + np.exp(-gate)) * up) @ block["down_kernel"]


def _transformer(embeddings, times, weights, blocks):
    """States of one row of choices, from the formulas alone; python numbers, one position at a time."""
    vectors = [math.sqrt(_WIDTH) * each for each in embeddings]
    for block in blocks:
        attended = _attend(vectors, times, weights, block)
        vectors = [x + added for x, added in zip(vectors, attended, strict=True)]
        vectors = [x + _transform(x, block) for x in vectors]
    return [_norm(x, weights["state_gain"]) / math.sqrt(_WIDTH) for x in vectors]


def _random_encoder(reads_time_gaps):
    encoder = history.SelfAttention(_WIDTH, _NUM_LAYERS, _NUM_HEADS, reads_time_gaps=reads_time_gaps, seed=2, name="h")
    generator = np.random.default_rng(4)
    for weight in encoder.trainable_weights:
        weight.assign_add(generator.normal(scale=0.2, size=weight.shape))
    by_name = {weight.name.split(":")[0]: weight.numpy().astype(np.float64) for weight in encoder.trainable_weights}
    blocks = [
        {name.split("/")[1]: each for name, each in by_name.items() if name.startswith(f"h_block_{i}/")}
        for i in range(_NUM_LAYERS)
    ]
    return encoder, {name.removeprefix("h/"): each for name, each in by_name.items()}, blocks


@pytest.mark.parametrize("reads_time_gaps", [False, True])
def test_a_transformer_written_as_loops_gives_the_same_states(reads_time_gaps):
    encoder, weights, blocks = _random_encoder(reads_time_gaps)
    generator = np.random.default_rng(0)
    present = generator.random([3, 60]) < 0.7
    embeddings = generator.normal(size=[3, 60, _WIDTH]) * present[..., np.newaxis] / math.sqrt(_WIDTH)
    gaps = (10.0 ** generator.uniform(4, 15, [3, 60])).astype(np.int64)
    times = np.where(generator.random([3, 60]) < 0.8, np.cumsum(gaps, axis=1), -1)
    given = times if reads_time_gaps else None
    states = encoder(embeddings.astype(np.float32), present, given).numpy()
    last = encoder.last_state(embeddings.astype(np.float32), present, given).numpy()
    for row in range(3):
        at = np.flatnonzero(present[row])
        row_times = [int(times[row, i]) for i in at] if reads_time_gaps else None
        expected = _transformer(embeddings[row, at], row_times, weights, blocks)
        np.testing.assert_allclose(states[row, at + 1], expected, atol=3e-6)
        np.testing.assert_allclose(last[row], expected[-1], atol=3e-6)


def test_times_that_are_not_in_order_count_as_no_time_between():
    encoder, _, _ = _random_encoder(reads_time_gaps=True)
    embeddings, present = tf.ones([1, 3, _WIDTH]) * [[[1.0], [2.0], [-1.0]]], tf.ones([1, 3], tf.bool)
    falling, equal = (tf.constant([times], tf.int64) for times in ([3 * 10**9, 2 * 10**9, 10**9], [7, 7, 7]))
    np.testing.assert_array_equal(encoder(embeddings, present, falling), encoder(embeddings, present, equal))


def test_only_an_encoder_of_time_gaps_reads_timestamps():
    generator = np.random.default_rng(0)
    embeddings, present = generator.normal(size=[2, 5, _WIDTH]).astype(np.float32), np.ones([2, 5], bool)
    early, late = (10**12 * np.tile(np.arange(5) ** power, [2, 1]) for power in (1, 3))
    deaf, _, _ = _random_encoder(reads_time_gaps=False)
    np.testing.assert_array_equal(deaf(embeddings, present, early), deaf(embeddings, present))
    reading, _, _ = _random_encoder(reads_time_gaps=True)
    assert np.any(reading(embeddings, present, early) != reading(embeddings, present, late))
    for method in (reading, reading.last_state):
        with pytest.raises(
            ValueError, match="h: an encoder with reads_time_gaps needs timestamps, but they are None; gi"
        ):
            method(embeddings, present)


def test_a_state_starts_with_length_one_and_near_what_was_chosen_last():
    encoder = history.SelfAttention(64, seed=1)
    embeddings = np.random.default_rng(0).normal(scale=1 / 8, size=[50, 20, 64]).astype(np.float32)
    states = encoder(embeddings, np.ones([50, 20], bool)).numpy()
    np.testing.assert_allclose(np.linalg.norm(states[:, 1:], axis=-1), np.ones([50, 20]), atol=1e-4)
    cosines = np.sum(states[:, 1:] * embeddings, axis=-1) / np.linalg.norm(embeddings, axis=-1)
    # Branches of the same length in other directions would leave 1 / sqrt(2); they are to start below that.
    assert np.mean(cosines) > 0.71


def test_it_learns_what_came_two_choices_ago_which_no_mean_can_tell():
    generator = np.random.default_rng(0)
    table = generator.normal(scale=0.25, size=[20, 16]).astype(np.float32)
    choices = generator.integers(0, 20, [128, 12])
    encoder, optimizer = history.SelfAttention(16, 2, 2, seed=0), tf.keras.optimizers.Adam(0.01)
    present, embeddings = np.ones([128, 12], bool), table[choices]

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = 10.0 * tf.einsum("nlw,cw->nlc", encoder(embeddings, present)[:, 3:], table)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(choices[:, 1:-1], logits)
            loss = tf.reduce_mean(losses)
        weights = encoder.trainable_weights
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    optimizer.build(encoder.trainable_weights)
    for _ in range(150):
        loss = step()
    # Knowing nothing costs ln 20 = 3.0; the right one of twelve, without their order, still ln 12 = 2.5.
    assert loss.numpy() < 1.0
