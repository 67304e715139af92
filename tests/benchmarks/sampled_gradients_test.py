import itertools

import numpy as np

from benchmarks import sampled_gradients

# Two queries, three candidates, batches of two: every batch can be listed.
_JOINT = np.array([[0.3, 0.1, 0.05], [0.2, 0.15, 0.2]])
_WORLD = sampled_gradients.World(
    _JOINT, np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]]), 0.5, 1
)


def _softmax(values):
    return np.exp(values) / np.exp(values).sum()


def _gradient_by_vectors(by_logit):
    """Loops over pairs; of each vector's gradient the part along the vector itself is left out."""
    by_query, by_candidate = np.zeros([2, 2]), np.zeros([3, 2])
    for i, j in itertools.product(range(2), range(3)):
        by_query[i] += by_logit[i, j] * _WORLD.candidates[j] / 0.5
        by_candidate[j] += by_logit[i, j] * _WORLD.queries[i] / 0.5
    for gradient, vectors in ((by_query, _WORLD.queries), (by_candidate, _WORLD.candidates)):
        for row, vector in zip(gradient, vectors, strict=True):
            row -= (row @ vector) * vector
    return np.concatenate([by_query.ravel(), by_candidate.ravel()])


def _expected_by_listing_all_batches():
    """Returns the expected derivative by each logit of Yi's loss, and of the full softmax."""
    q, logits = _JOINT.sum(axis=0), _WORLD.logits
    sampled, full = np.zeros([2, 3]), np.zeros([2, 3])
    cells = list(itertools.product(range(2), range(3)))
    for batch in itertools.product(cells, repeat=2):
        probability = np.prod([_JOINT[cell] for cell in batch])
        columns = [j for _, j in batch]
        for row, (i, j) in enumerate(batch):
            share = _softmax(np.array([logits[i, k] - np.log(2 * q[k]) for k in columns]))
            for column, k in enumerate(columns):
                sampled[i, k] += probability / 2 * (share[column] - (column == row))
            full[i] += probability / 2 * (_softmax(logits[i]) - (np.arange(3) == j))
    return sampled, full


def test_the_measured_bias_is_that_of_all_batches_listed_by_hand():
    sampled, full = (_gradient_by_vectors(each) for each in _expected_by_listing_all_batches())
    arms = {"yi": sampled_gradients.Arm("yi")}
    found = sampled_gradients.measure(_WORLD, arms, 20_000, 2, 1, seed=0)["yi"]["all"]
    bias = np.linalg.norm(sampled - full) / np.linalg.norm(full)
    cosine = sampled @ full / np.linalg.norm(sampled) / np.linalg.norm(full)
    assert bias > 0.1
    np.testing.assert_allclose(found.relative_bias, bias, rtol=0.03)
    np.testing.assert_allclose(found.cosine, cosine, atol=0.003)


def test_an_unbiased_arm_reads_as_unbiased_however_noisy_its_batches(monkeypatch):
    # The derivative of the full softmax for one candidate drawn uniformly, weighted by its inverse probability.
    def of_one_draw(world, arm, queries, positives, columns, *others):
        gradient = 3.0 * np.take_along_axis(world.softmax[queries], columns[:, np.newaxis, -1:], axis=2)
        zeros = np.zeros([len(queries), 2, 2]) - np.eye(2)
        return np.concatenate([zeros, gradient], axis=2)

    monkeypatch.setattr(sampled_gradients, "_gradient", of_one_draw)
    arms = {"one_draw": sampled_gradients.Arm("none", "uniform")}
    found = sampled_gradients.measure(_WORLD, arms, 20_000, 2, 1, seed=0)["one_draw"]["all"]
    assert found.relative_bias < 0.03
    assert abs(found.cosine - 1.0) < 0.001


def test_the_zipf_world_has_its_popularity_and_a_model_of_unit_vectors():
    world = sampled_gradients.zipf_world(0, noise=0.3)
    harmonic = sum(1 / rank for rank in range(1, 501))
    np.testing.assert_allclose(world.popularity, [1 / rank / harmonic for rank in range(1, 501)], rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(world.candidates, axis=1), np.ones(500), rtol=1e-9)
    # A model near the truth gives positives more than one far from it, and that more than chance.
    near, far = (float(np.sum(each.joint * each.softmax)) for each in (world, sampled_gradients.zipf_world(0, 2.0)))
    assert near > 2 * far > 2 / 500
