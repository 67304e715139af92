import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import features, string_embedding

_AGE = features.FeatureInput("age", "numeric", mean=30.0, standard_deviation=8.0)
_SEX = features.FeatureInput("sex", "categorical", 3, ("F", "M"))
_GENRES = features.FeatureInput("genres", "multivalent", 2, ("drama", "war"))


def _encode(inputs, **values):
    return [part.numpy() for part in features.FeatureEncoder(inputs, name="encoder")(values)]


def test_a_number_is_standardised_beside_a_flag_for_missing():
    (encoded,) = _encode([_AGE], age=tf.constant([30.0, 46.0, 26.0, float("nan")]))
    # By hand: (46 - 30) / 8 = 2, (26 - 30) / 8 = -0.5; a missing number stands at the mean.
    np.testing.assert_array_equal(encoded, [[0, 0], [2, 0], [-0.5, 0], [0, 1]])


def test_a_missing_number_sends_no_nan_into_a_gradient():
    ages = tf.constant([float("nan"), 38.0])
    with tf.GradientTape() as tape:
        tape.watch(ages)
        (encoded,) = features.FeatureEncoder([_AGE])({"age": ages})
        loss = tf.reduce_sum(encoded)
    np.testing.assert_array_equal(tape.gradient(loss, ages), [0.0, 0.125])


def test_a_categorical_value_is_its_embedding_and_a_missing_one_is_zero():
    (encoded,) = _encode([_SEX], sex=tf.constant(["F", "M", "", "F"]))
    assert encoded.shape == (4, 3)
    np.testing.assert_array_equal(encoded[0], encoded[3])
    np.testing.assert_array_equal(encoded[2], [0, 0, 0])
    assert len({row.tobytes() for row in encoded}) == 3


def test_a_list_is_the_mean_of_its_values_and_an_empty_one_is_zero():
    genres = tf.constant([["drama", ""], ["war", ""], ["war", "drama"], ["", ""], ["drama", "drama"]])
    (encoded,) = _encode([_GENRES], genres=genres)
    np.testing.assert_allclose(encoded[2], (encoded[0] + encoded[1]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(encoded[3], [0, 0])
    np.testing.assert_array_equal(encoded[4], encoded[0])
    (none,) = _encode([_GENRES], genres=tf.zeros([3, 0], tf.string))
    np.testing.assert_array_equal(none, np.zeros([3, 2]))


def test_unknown_values_of_a_feature_share_one_embedding():
    (encoded,) = _encode([_SEX], sex=tf.constant(["x", "y", "F"]))
    np.testing.assert_array_equal(encoded[0], encoded[1])
    assert not np.array_equal(encoded[0], encoded[2])


def test_parts_come_in_the_order_of_the_features_not_of_the_batch():
    encoder = features.FeatureEncoder([_GENRES, _AGE, _SEX])
    parts = encoder({"sex": tf.constant(["F"]), "age": tf.constant([1.0]), "genres": tf.constant([["war"]])})
    assert [part.shape[1] for part in parts] == [2, 2, 3]
    assert encoder.inputs_expected == (_GENRES, _AGE, _SEX)


def test_two_features_of_one_vocabulary_have_tables_of_their_own():
    first, second = (features.FeatureInput(name, "categorical", 3, ("a",)) for name in ("first", "second"))
    encoded = _encode([first, second], first=tf.constant(["a"]), second=tf.constant(["a"]))
    assert not np.array_equal(*encoded)


def test_a_missing_feature_is_named_with_what_came():
    with pytest.raises(KeyError, match=r"encoder needs feature 'sex', but got \['age', 'height'\]\."):
        _encode([_AGE, _SEX], age=tf.constant([1.0]), height=tf.constant([2.0]))


def test_an_encoder_made_from_the_config_answers_the_same_with_the_same_weights():
    batch = {
        "age": tf.constant([41.0, float("nan")]),
        "sex": tf.constant(["M", "x"]),
        "genres": tf.constant([["war", "x"], ["", ""]]),
    }
    encoder = features.FeatureEncoder([_AGE, _SEX, _GENRES], seed=3, name="encoder")
    encoder(batch)
    encoder.set_weights([np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(encoder.get_weights())])
    copy = features.FeatureEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    assert copy.inputs_expected == encoder.inputs_expected
    copy(batch)
    copy.set_weights(encoder.get_weights())
    for mine, theirs in zip(copy(batch), encoder(batch), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_feature_says_what_shape_a_request_brings():
    assert _AGE.tensor_specs() == {"age": tf.TensorSpec([None], tf.float32, name="age")}
    assert _SEX.tensor_specs() == {"sex": tf.TensorSpec([None], tf.string, name="sex")}
    assert _GENRES.tensor_specs() == {"genres": tf.TensorSpec([None, None], tf.string, name="genres")}


def test_weights_decide_the_share_of_each_value_and_fillings_have_none():
    rated = features.FeatureInput("tags", "multivalent", 2, ("a", "b"), weighted=True)
    tags = tf.constant([["a", "", "b"], ["a", "b", ""], ["b", "", ""], ["", "", ""]])
    weights = tf.constant([[3.0, 9.0, 1.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    (encoded,) = _encode([rated], tags=tags, tags_weights=weights)
    (plain,) = _encode([dataclasses.replace(rated, weighted=False)], tags=tf.constant([["a"], ["b"]]))
    # By hand: (3 a + b) / 4; nothing weighs; b alone; nothing.
    expected = [0.75 * plain[0] + 0.25 * plain[1], [0, 0], plain[1], [0, 0]]
    np.testing.assert_allclose(encoded, expected, rtol=1e-6)


@pytest.mark.parametrize("weights", [[[-1.0, 1.0]], [[float("nan"), 1.0]], [[float("inf"), 1.0]]])
def test_weights_that_are_no_weights_are_refused_with_their_name(weights):
    rated = features.FeatureInput("tags", "multivalent", 2, ("a", "b"), weighted=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Input tags_weights must hold finite weights >= 0"):
        _encode([rated], tags=tf.constant([["a", "b"]]), tags_weights=tf.constant(weights))


def test_another_number_of_weights_than_values_is_refused_with_both_names():
    rated = features.FeatureInput("tags", "multivalent", 2, ("a", "b"), weighted=True)
    sentence = "Input tags_weights must have one weight for each value of tags"
    with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
        _encode([rated], tags=tf.constant([["a", "b"]]), tags_weights=tf.constant([[1.0]]))
    with pytest.raises(KeyError, match="needs feature 'tags_weights'"):
        _encode([rated], tags=tf.constant([["a", "b"]]))


def _buckets(feature, values):
    """Returns the rows of the table that values are found in, as the embedding says which row it is."""
    encoder = features.FeatureEncoder([feature])
    encoder({feature.name: tf.constant(values)})
    (table,) = encoder.trainable_variables
    table.assign(tf.one_hot(tf.range(table.shape[0]), table.shape[1]))
    (encoded,) = encoder({feature.name: tf.constant(values)})
    return [sorted(np.flatnonzero(row).tolist()) for row in encoded.numpy()]


def test_hashed_values_stay_in_their_buckets_for_ever():
    # Frozen: other buckets would scramble every model that was trained before.
    sku = features.FeatureInput("sku", "categorical", 11, hash_buckets=10)
    assert _buckets(sku, ["red", "green", "grün", "", "red"]) == [[1], [5], [10], [], [1]]
    title = features.FeatureInput("title", "text", 101, hash_buckets=100, pooling="sum")
    assert _buckets(title, ["Green tea", "tea", "!"]) == [[5, 12, 70], [12], []]


def test_a_text_is_the_pooled_embedding_of_its_ngrams():
    title = features.FeatureInput("title", "text", 4, hash_buckets=1000, ngram_sizes=(1,))
    (encoded,) = _encode([title], title=tf.constant(["Green TEA", "green", "tea", "", "tea green"]))
    np.testing.assert_allclose(encoded[0], (encoded[1] + encoded[2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(encoded[4], encoded[0], rtol=1e-6)
    np.testing.assert_array_equal(encoded[3], np.zeros(4))


def test_features_of_one_table_name_embed_a_value_alike():
    first, second = (features.FeatureInput(name, "categorical", 3, ("a",), table="t") for name in ("first", "second"))
    encoded = _encode([first, second], first=tf.constant(["a"]), second=tf.constant(["a"]))
    np.testing.assert_array_equal(*encoded)


def test_a_given_table_is_used_and_comes_back_from_the_config_as_one_of_its_own():
    table = string_embedding.StringEmbedding(["u1"], 3, name="query_id")
    owner = features.FeatureInput("owner", "id", table="query_id")
    encoder = features.FeatureEncoder([owner, _AGE], {"query_id": table, "unread": table}, name="encoder")
    batch = {"owner": tf.constant(["u1", ""]), "age": tf.constant([1.0, 2.0])}
    np.testing.assert_array_equal(encoder(batch)[0], table(tf.constant(["u1", ""])))
    assert encoder.given_tables == {"query_id": table}
    copy = features.FeatureEncoder.from_config(json.loads(json.dumps(encoder.get_config())))
    np.testing.assert_array_equal(copy(batch)[0], encoder(batch)[0])


def test_an_id_without_the_table_of_ids_is_refused():
    owner = features.FeatureInput("owner", "id", table="query_id")
    with pytest.raises(ValueError, match="'owner' reads table 'query_id', which holds the model's ids; pass it"):
        features.FeatureEncoder([owner])


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'x': kind must be one of id, categorical, .*, timestamp, but is 'number'\."):
        features.FeatureInput("x", "number")


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 0.0), (0.0, -1.0), (float("nan"), 1.0), (0.0, float("nan")), (0.0, float("inf"))]
)
def test_statistics_that_cannot_standardise_are_refused(mean, deviation):
    rule = "Feature 'age': mean must be finite and standard_deviation finite and > 0"
    with pytest.raises(ValueError, match=f"{rule}, but they are {mean} and {deviation}."):
        features.FeatureInput("age", "numeric", mean=mean, standard_deviation=deviation)
