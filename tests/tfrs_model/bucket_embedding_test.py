import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import bucket_embedding


def _numbered(boundaries):
    """Returns a layer whose row i is (i,)."""
    layer = bucket_embedding.BucketEmbedding(boundaries, 1, name="age")
    layer(tf.zeros([1]))
    (table,) = layer.trainable_variables
    table.assign(np.arange(table.shape[0], dtype=np.float32)[:, np.newaxis])
    return layer


def test_a_bucket_holds_its_lower_boundary_and_not_its_upper_one():
    layer = _numbered([18, 30, 65])
    values = [-1e30, 17.9, 18, 29.9, 30, 64, 65, 1e30, np.inf, -np.inf]
    np.testing.assert_array_equal(layer(tf.constant(values))[:, 0], [1, 1, 2, 2, 3, 3, 4, 4, 4, 1])


def test_a_boundary_is_compared_as_the_float32_that_arrives():
    np.testing.assert_array_equal(_numbered([0.1])(tf.constant([0.1, 0.09999999]))[:, 0], [2, 1])


def test_a_missing_number_is_zero_and_touches_no_bucket():
    layer = _numbered([0.0])
    with tf.GradientTape() as tape:
        embedded = layer(tf.constant([np.nan, 1.0]))
        loss = tf.reduce_sum(embedded)
    np.testing.assert_array_equal(embedded[:, 0], [0, 2])
    gradient = tape.gradient(loss, layer.trainable_variables[0])
    assert dict(zip(gradient.indices.numpy().tolist(), gradient.values[:, 0].numpy().tolist(), strict=True)) == {
        0: 0.0,
        2: 1.0,
    }


def test_without_boundaries_all_numbers_share_one_bucket():
    np.testing.assert_array_equal(_numbered([])(tf.constant([-5.0, 7.0, np.nan]))[:, 0], [1, 1, 0])


def test_a_layer_made_from_the_config_answers_the_same():
    layer = bucket_embedding.BucketEmbedding((1, 2.5), 3, seed=4, name="age")
    copy = bucket_embedding.BucketEmbedding.from_config(layer.get_config())
    values = tf.constant([0.0, 1.0, 3.0, np.nan])
    np.testing.assert_array_equal(copy(values), layer(values))
    assert len({row.tobytes() for row in layer(values).numpy()}) == 4
    assert layer.embedding_dim == 3


@pytest.mark.parametrize("boundaries", [[2, 1], [1, 1], [16777216, 16777217], [float("nan"), 1]])
def test_boundaries_that_do_not_ascend_are_refused(boundaries):
    with pytest.raises(ValueError, match="age: boundaries must ascend strictly, as float32 too, but are"):
        bucket_embedding.BucketEmbedding(boundaries, 2, name="age")
