import dataclasses

import numpy as np
import pytest

from tfrs_model.baselines import trained_linear_model
from tfrs_model.baselines.trained_linear_model import LinearTrainingConfig

_CONFIG = LinearTrainingConfig(width=4, score="dot", temperature=1.0, num_epochs=30, batch_size=16)


def _two_groups():
    generator = np.random.default_rng(0)
    chosen = np.zeros([60, 8], np.float32)
    chosen[:30, :4], chosen[30:, 4:] = generator.random([30, 4]) < 0.6, generator.random([30, 4]) < 0.6
    return chosen


@pytest.mark.parametrize(("score", "temperature"), [("dot", 1.0), ("cosine", 0.2), ("layer_norm", 2.0)])
def test_two_groups_that_share_no_query_are_told_apart(score, temperature):
    chosen = _two_groups()
    model = trained_linear_model.train(chosen, dataclasses.replace(_CONFIG, score=score, temperature=temperature))
    embeddings = model.candidate_embeddings
    if score == "layer_norm":
        embeddings = embeddings - embeddings.mean(axis=1, keepdims=True)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert cosines[:4, 4:].mean() < 0.0 < cosines[:4, :4].mean()
    # Whom either half of the queries ranks first is of the half's own group.
    first = np.argmax(model.embed(chosen) @ unit.T, axis=1)
    active = chosen.sum(axis=1) > 0
    assert np.mean((first < 4) == (np.arange(60) < 30), where=active) == 1.0


def test_with_factors_that_suffice_the_softmax_is_that_of_the_shares():
    # One query chose candidate 0, the other candidate 1 and 2: the best softmax are those shares.
    chosen = np.array([[1, 0, 0], [0, 1, 1]], np.float32)
    config = dataclasses.replace(_CONFIG, num_epochs=400, learning_rate=0.05)
    model = trained_linear_model.train(chosen, config)
    logits = model.embed(chosen) @ model.candidate_embeddings.T
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, [[1, 0, 0], [0, 0.5, 0.5]], atol=0.02)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    short = dataclasses.replace(_CONFIG, num_epochs=2)
    first, again, other = (
        trained_linear_model.train(_two_groups(), dataclasses.replace(short, seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.encoder, again.encoder)
    assert not np.array_equal(first.encoder, other.encoder)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="score must be one of dot, cosine, layer_norm, but is 'euclid'"):
        dataclasses.replace(_CONFIG, score="euclid")
    with pytest.raises(ValueError, match="temperature must be > 0, but is 0"):
        dataclasses.replace(_CONFIG, temperature=0.0)
    with pytest.raises(ValueError, match="there is nothing to train on"):
        trained_linear_model.train(np.zeros([2, 3], np.float32), _CONFIG)
