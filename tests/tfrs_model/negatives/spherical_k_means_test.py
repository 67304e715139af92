import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.negatives import spherical_k_means

_SEED = tf.constant([3, 4], tf.int64)


def _three_directions(size=300, seed=0):
    """Vectors of any length around three directions at right angles, and which."""
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 3, size)
    directions = np.eye(3)[groups] + 0.1 * generator.normal(size=[size, 3])
    return tf.constant(directions * generator.uniform(0.1, 10.0, [size, 1]), tf.float32), groups


def test_planted_directions_are_found_whatever_the_length_of_the_vectors():
    embeddings, groups = _three_directions()
    # Of six starts one at least has a vector of each direction; clusters may split a group but never mix two.
    clusters = spherical_k_means.cluster(embeddings, 6, 10, _SEED).numpy()
    assert all(len(set(groups[clusters == k])) == 1 for k in set(clusters))


def test_each_vector_is_in_the_cluster_whose_direction_is_nearest():
    embeddings = tf.random.stateless_normal([400, 8], seed=[1, 2])
    clusters = spherical_k_means.cluster(embeddings, 7, 30, _SEED).numpy()
    unit = embeddings.numpy() / np.linalg.norm(embeddings, axis=1, keepdims=True)
    centroids = np.array([unit[clusters == k].sum(axis=0) for k in range(7)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    # A fit that has converged is a fixed point: NumPy finds the same clusters from the members' mean directions.
    assert np.mean((unit @ centroids.T).argmax(axis=1) == clusters) > 0.97


def test_blocks_and_the_whole_give_the_same_nearest_centroids(monkeypatch):
    embeddings, centroids = (tf.random.stateless_normal([size, 5], seed=[size, 2]) for size in (103, 9))
    expected = (embeddings.numpy() @ centroids.numpy().T).argmax(axis=1)
    np.testing.assert_array_equal(spherical_k_means.nearest(embeddings, centroids), expected)
    monkeypatch.setattr(spherical_k_means, "_MAX_SCORES_PER_BLOCK", 90)
    np.testing.assert_array_equal(spherical_k_means.nearest(embeddings, centroids), expected)


def test_the_clusters_depend_on_embeddings_and_seed_alone():
    embeddings = tf.random.stateless_normal([200, 8], seed=[1, 2])
    first, again = (spherical_k_means.cluster(embeddings, 9, 5, _SEED) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != spherical_k_means.cluster(embeddings, 9, 5, _SEED + 1))


@pytest.mark.parametrize(("size", "num_clusters"), [(1, 1), (5, 1), (5, 5)])
def test_the_smallest_sizes_work(size, num_clusters):
    clusters = spherical_k_means.cluster(tf.eye(5)[:size], num_clusters, 3, _SEED).numpy()
    assert len(set(clusters.tolist())) == num_clusters


def test_candidates_that_are_all_alike_or_zero_leave_clusters_empty_and_nothing_undefined():
    for embeddings in (tf.ones([20, 4]), tf.zeros([20, 4])):
        clusters = spherical_k_means.cluster(embeddings, 3, 5, _SEED).numpy()
        assert set(clusters) == {0}
