import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import features, string_embedding, towers

_SEX = features.FeatureInput("sex", "categorical", 3, ("F", "M"))
_AGE = features.FeatureInput("age", "numeric", mean=30.0, standard_deviation=10.0)
_GENRES = features.FeatureInput("genres", "multivalent", 3, ("drama", "war"))

_QUERIES = {
    "query_id": tf.constant(["u1", "u2", "stranger", ""]),
    "history": tf.constant([["c1", "c2", ""], ["", "c2", "c9"], ["", "", ""], ["", "", ""]]),
    "sex": tf.constant(["F", "M", "x", ""]),
    "age": tf.constant([20.0, float("nan"), 55.0, float("nan")]),
}
_CANDIDATES = {
    "candidate_id": tf.constant(["c1", "c2", "new"]),
    "genres": tf.constant([["drama", "war"], ["war", ""], ["", ""]]),
}


def _table(values, dim=4, name="ids"):
    return string_embedding.StringEmbedding(values, dim, name=name)


def _query_tower(**options):
    tables = (_table(["u1", "u2"], name="query_id"), _table(["c1", "c2"], name="history"))
    return towers.QueryTower(*tables, **{"feature_inputs": [_SEX, _AGE], "embedding_dim": 5, **options})


def _candidate_tower(**options):
    return towers.CandidateTower(_table(["c1", "c2"]), [_GENRES], **{"embedding_dim": 5, **options})


def _randomise(layer, seed=0):
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=np.shape(weight)) for weight in layer.get_weights()])


@pytest.mark.parametrize("hidden_units", [(), (7, 6)])
def test_both_towers_answer_vectors_of_length_one_for_known_unknown_and_missing_values(hidden_units):
    for tower, batch in ((_query_tower, _QUERIES), (_candidate_tower, _CANDIDATES)):
        made = tower(hidden_units=hidden_units, dropout=0.0)
        made(batch)
        _randomise(made)
        embeddings = made(batch)
        assert embeddings.shape == [len(next(iter(batch.values()))), 5]
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-6)
        assert made.embedding_dim == 5


@pytest.mark.parametrize(("make", "batch"), [(_query_tower, _QUERIES), (_candidate_tower, _CANDIDATES)])
def test_a_tower_for_the_dot_keeps_the_length_and_has_the_same_direction(make, batch):
    scaled, free = make(), make(similarity="dot")
    for tower in (scaled, free):
        tower(batch)
        _randomise(tower)
    lengths = np.linalg.norm(free(batch), axis=1, keepdims=True)
    assert lengths.max() > 1.5 * lengths.min()
    np.testing.assert_allclose(free(batch), lengths * scaled(batch), rtol=1e-5)
    assert free.get_config()["similarity"] == "dot"
    copy = type(free).from_config(free.get_config())
    copy(batch)
    copy.set_weights(free.get_weights())
    np.testing.assert_array_equal(copy(batch), free(batch))


def test_the_product_of_towers_for_euclid_is_minus_the_squared_distance_of_those_for_the_dot():
    embeddings = {}
    for similarity in ("dot", "euclidean"):
        made = _query_tower(similarity=similarity), _candidate_tower(similarity=similarity)
        for tower, batch in zip(made, (_QUERIES, _CANDIDATES), strict=True):
            tower(batch)
            _randomise(tower)
            embeddings[similarity, tower.name] = tower(batch).numpy()
            assert tower.embedding_dim == embeddings[similarity, tower.name].shape[1]
    queries, candidates = (embeddings["dot", name] for name in ("query_tower", "candidate_tower"))
    distances = np.square(queries[:, np.newaxis] - candidates).sum(axis=2)
    products = embeddings["euclidean", "query_tower"] @ embeddings["euclidean", "candidate_tower"].T
    np.testing.assert_allclose(products, -distances, rtol=1e-4, atol=1e-4)


def test_a_linear_tower_is_the_normalised_projection_of_features_then_id_then_history():
    tower = towers.QueryTower(_table(["u1"], 2), _table(["c1", "c2"], 2), [_AGE], embedding_dim=2)
    batch = {"query_id": ["u1"], "history": [["c1", "c2"]], "age": [50.0]}
    inputs = {name: tf.constant(values) for name, values in batch.items()}
    tower(inputs)
    tower._id_embedding.set_weights([np.array([[0, 0], [0, 0], [10, 20]])])
    tower._history_embedding.set_weights([np.array([[0, 0], [0, 0], [1, 2], [3, 6]])])
    # Rows: standardised age, its flag, two of the id, two of the history.
    tower._projection.set_weights([np.array([[5, 0], [9, 9], [0, 1], [0, 1], [4, 0], [0, 1]]), np.array([0.0, 6.0])])
    # By hand: parts (50 - 30) / 10 = 2, 0, 10, 20, and the mean history (2, 4). The first output is 2 * 5 + 2 * 4 = 18,
    # the second 10 + 20 + 4 + 6 = 40, the length sqrt(18**2 + 40**2) = 43.8634.
    np.testing.assert_allclose(tower(inputs), [[18 / 43.8634, 40 / 43.8634]], rtol=1e-5)


def test_hidden_layers_are_rectified_and_the_projection_is_not():
    tower = towers.CandidateTower(None, [_AGE], embedding_dim=2, hidden_units=[2])
    inputs = {"age": tf.constant([40.0, 20.0])}
    tower(inputs)
    tower._hidden[0].set_weights([np.array([[1, -1], [0, 0]]), np.zeros(2)])
    tower._projection.set_weights([np.array([[-3, 4], [4, 3]]), np.zeros(2)])
    # By hand: the hidden layer is (1, 0) for +1 and (0, 1) for -1, the outputs (-3, 4) / 5 and (4, 3) / 5.
    np.testing.assert_allclose(tower(inputs), [[-0.6, 0.8], [0.8, 0.6]], rtol=1e-6)


def test_the_filling_of_a_history_may_stand_on_either_side_and_be_of_any_length():
    tower = _query_tower()
    base = {name: values[:1] for name, values in _QUERIES.items()}
    fillings = [["c1", "c2"], ["c1", "c2", "", ""], ["", "", "c1", "c2"], ["c1", "", "c2"]]
    embeddings = [tower({**base, "history": tf.constant([history])}) for history in fillings]
    for embedding in embeddings[1:]:
        np.testing.assert_allclose(embedding, embeddings[0], rtol=1e-6)


def test_unknown_ids_share_one_vector_and_differ_from_known_ones():
    tower = towers.CandidateTower(_table(["c1", "c2"]), embedding_dim=5)
    first, second, known = tower({"candidate_id": tf.constant(["new", "newer", "c1"])}).numpy()
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, known)


@pytest.mark.parametrize("shape", [[3, 0], [3, 2]])
def test_a_query_of_which_nothing_is_known_is_finite(shape):
    tower = towers.QueryTower(None, _table(["c1"]), embedding_dim=5, hidden_units=[4])
    assert np.isfinite(tower({"history": tf.fill(shape, "")})).all()


def test_a_query_without_history_does_not_drown_the_gradient_of_the_others():
    tower = towers.QueryTower(None, _table(["c1", "c2"]), embedding_dim=4)
    with tf.GradientTape() as tape:
        embeddings = tower({"history": tf.constant([["", ""], ["c1", "c2"]])})
        loss = tf.reduce_sum(embeddings * [0.1, 0.2, 0.3, 0.4])
    gradients = tape.gradient(loss, tower.trainable_variables)
    # The derivative of x / |x| is of the order 1 / |x|, and initial outputs are of the order 1.
    for gradient in gradients:
        assert np.abs(tf.convert_to_tensor(gradient)).max() < 100.0


def test_a_shared_table_is_trained_by_both_towers():
    shared = _table(["c1", "c2"], name="candidate_id")
    query_tower = towers.QueryTower(None, shared, embedding_dim=3)
    candidate_tower = towers.CandidateTower(shared, embedding_dim=3)
    query_tower({"history": tf.constant([["c1"]])})
    candidate_tower({"candidate_id": tf.constant(["c1"])})
    tables = [[w for w in each.trainable_variables if w.shape == [4, 4]] for each in (query_tower, candidate_tower)]
    assert tables[0][0] is tables[1][0]


def test_dropout_acts_in_training_only():
    tower = _query_tower(dropout=0.5)
    np.testing.assert_array_equal(tower(_QUERIES), tower(_QUERIES, training=False))
    assert not np.allclose(tower(_QUERIES, training=True), tower(_QUERIES))


def test_the_histories_ids_are_not_dropped_with_the_query_id():
    tower = _query_tower(id_dropout=0.99)
    without_id = {**_QUERIES, "query_id": tf.fill([4], "")}
    np.testing.assert_array_equal(tower(without_id, training=True), tower(without_id))
    assert not np.allclose(tower(_QUERIES, training=True), tower(_QUERIES))


def test_an_id_to_drop_must_be_there():
    for make in (
        lambda: towers.QueryTower(None, _table(["c1"]), id_dropout=0.2),
        lambda: towers.CandidateTower(None, [_GENRES], id_dropout=0.2),
    ):
        with pytest.raises(ValueError, match=r"id_dropout=0.2 needs an id to drop, but the tower has no table of ids"):
            make()


def test_a_cross_layer_multiplies_the_inputs_with_a_linear_map_and_adds_them():
    tower = towers.CandidateTower(None, [_AGE], embedding_dim=2, similarity="dot", cross_layers=2)
    inputs = {"age": tf.constant([60.0])}
    tower(inputs)
    tower._cross[0].set_weights([np.array([[1, 2], [5, 5]]), np.array([0, 1])])
    tower._cross[1].set_weights([np.array([[1, 0], [0, 1]]), np.array([-2, 0])])
    tower._projection.set_weights([np.eye(2), np.zeros(2)])
    # By hand: x0 = ((60 - 30) / 10, 0) = (3, 0); x1 = (3, 0) * (3, 7) + (3, 0) = (12, 0);
    # x2 = (3, 0) * (12 - 2, 0) + (12, 0) = (42, 0).
    np.testing.assert_allclose(tower(inputs), [[42.0, 0.0]], rtol=1e-6)


def test_a_negative_number_of_cross_layers_is_refused():
    with pytest.raises(ValueError, match=r"candidate_tower: cross_layers must be >= 0, but is -1\."):
        _candidate_tower(cross_layers=-1)


def test_initial_weights_depend_on_the_seed_only():
    def weights(seed, **options):
        tower = _query_tower(seed=seed, cross_layers=2, **options)
        tower(_QUERIES)
        return [layer.get_weights()[0] for layer in (*tower._cross, tower._projection)]

    for first, again, other in zip(weights(1), weights(1), weights(2), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
    assert not np.array_equal(*weights(1)[:2])


@pytest.mark.parametrize(("make", "batch"), [(_query_tower, _QUERIES), (_candidate_tower, _CANDIDATES)])
def test_a_tower_made_from_the_config_answers_the_same_with_the_same_weights(make, batch):
    tower = make(hidden_units=(6,), dropout=0.25, seed=9, id_dropout=0.5, cross_layers=2)
    tower(batch)
    _randomise(tower)
    config = json.loads(json.dumps(tf.keras.layers.serialize(tower)))
    copy = tf.keras.layers.deserialize(config)
    assert copy.feature_inputs == tower.feature_inputs
    copy(batch)
    copy.set_weights(tower.get_weights())
    np.testing.assert_array_equal(copy(batch), tower(batch))
    np.testing.assert_array_equal(copy(batch, training=True), tower(batch, training=True))
    assert copy.get_config() == tower.get_config()


def test_a_tower_without_ids_is_made_again_without_them():
    for tower in (towers.QueryTower(None, _table(["c1"]), [_AGE]), towers.CandidateTower(None, [_GENRES])):
        copy = type(tower).from_config(tower.get_config())
        assert copy.input_specs == tower.input_specs


def test_a_tower_says_what_a_request_brings():
    assert _query_tower().input_specs == {
        "query_id": tf.TensorSpec([None], tf.string, name="query_id"),
        "history": tf.TensorSpec([None, None], tf.string, name="history"),
        "sex": tf.TensorSpec([None], tf.string, name="sex"),
        "age": tf.TensorSpec([None], tf.float32, name="age"),
    }
    assert _candidate_tower().input_specs == {
        "genres": tf.TensorSpec([None, None], tf.string, name="genres"),
        "candidate_id": tf.TensorSpec([None], tf.string, name="candidate_id"),
    }


@pytest.mark.parametrize("missing", ["query_id", "history", "sex", "age"])
def test_a_missing_input_is_named(missing):
    batch = {name: values for name, values in _QUERIES.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        _query_tower()(batch)


def test_a_tower_with_nothing_to_encode_is_refused():
    with pytest.raises(ValueError, match="A query tower needs a query id, a history or a feature, but has none"):
        towers.QueryTower(None, None)
    with pytest.raises(ValueError, match="A candidate tower needs a candidate id or a feature, but has none"):
        towers.CandidateTower(None)


def test_a_longer_history_than_trained_on_counts_only_by_its_last_ids():
    tower = towers.QueryTower(None, _table(["c1", "c2", "c3"]), history_length=2, embedding_dim=4)
    longer, as_trained = tf.constant([["c3", "c1", "c2"]]), tf.constant([["c1", "c2"]])
    np.testing.assert_array_equal(tower({"history": longer}), tower({"history": as_trained}))


def test_a_history_length_below_one_is_refused():
    with pytest.raises(ValueError, match=r"history_length must be >= 1, but is 0; leave histories out with"):
        towers.QueryTower(None, _table(["c1"]), history_length=0)


def test_a_missing_id_or_history_is_named():
    tower = towers.QueryTower(_table(["q"], name="query_id"), _table(["c1"]), embedding_dim=4)
    with pytest.raises(KeyError, match=r"query_tower needs input 'history', but got \['query_id'\]"):
        tower({"query_id": tf.constant(["q"])})
