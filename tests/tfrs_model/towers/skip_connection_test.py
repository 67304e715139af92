import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import features, string_embedding, towers

_AGE = features.FeatureInput("age", "numeric")
_QUERIES = {
    "query_id": tf.constant(["u1", "new"]),
    "history": tf.constant([["c1", "c2"], ["", ""]]),
    "age": tf.constant([3.0, -1.0]),
}


def _tables(width=4):
    return (
        string_embedding.StringEmbedding(["u1"], width, name="query_id"),
        string_embedding.StringEmbedding(["c1", "c2"], width, name="candidate_id"),
    )


def test_without_features_and_layers_the_output_is_the_sum_of_the_embeddings_alone():
    ids, candidates = _tables()
    tower = towers.QueryTower(ids, candidates, embedding_dim=4, similarity="dot", skip_connection=True)
    of_history = (candidates(tf.constant(["c1"])) + candidates(tf.constant(["c2"]))) / 2.0
    expected = ids(_QUERIES["query_id"]) + tf.concat([of_history, tf.zeros([1, 4])], axis=0)
    np.testing.assert_allclose(tower(_QUERIES), expected, atol=1e-6)
    assert len(tower.trainable_variables) == 2


def test_a_dense_layer_reads_the_features_alone_where_there_is_nothing_more():
    ids, candidates = _tables()
    tower = towers.QueryTower(ids, candidates, [_AGE], embedding_dim=4, similarity="dot", skip_connection=True)
    difference = tower(_QUERIES) - tower({**_QUERIES, "age": tf.constant([0.0, 0.0])})
    (kernel,) = (each for each in tower.trainable_variables if "kernel" in each.name)
    assert kernel.shape == [2, 4]
    np.testing.assert_allclose(difference, [3.0 * kernel[0], -1.0 * kernel[0]], atol=1e-5)


@pytest.mark.parametrize("options", [{"hidden_units": [6]}, {"cross_layers": 1}])
def test_hidden_and_cross_layers_read_the_embeddings_too(options):
    ids, candidates = _tables()
    tower = towers.QueryTower(ids, candidates, [_AGE], embedding_dim=4, skip_connection=True, **options)
    tower(_QUERIES)
    first = next(each for each in tower.trainable_variables if "kernel" in each.name and each.shape[0] != 6)
    assert first.shape[0] == 2 + 4 + 4


def test_the_tower_comes_back_from_its_configuration_and_weights():
    tower = towers.CandidateTower(_tables()[1], [_AGE], embedding_dim=4, skip_connection=True)
    inputs = {"candidate_id": tf.constant(["c1", "c9", ""]), "age": tf.constant([1.0, 2.0, float("nan")])}
    expected = tower(inputs)
    other = towers.CandidateTower.from_config(json.loads(json.dumps(tower.get_config())))
    other(inputs)
    other.set_weights(tower.get_weights())
    np.testing.assert_array_equal(other(inputs), expected)


def test_tables_of_another_width_than_the_output_are_refused():
    ids, candidates = _tables()
    with pytest.raises(ValueError, match="'query_id' are added to the output, so they must be embedding_dim=5 wide"):
        towers.QueryTower(ids, candidates, embedding_dim=5, skip_connection=True)
    with pytest.raises(ValueError, match="'candidate_id' are added to the output"):
        towers.CandidateTower(candidates, embedding_dim=5, skip_connection=True)
