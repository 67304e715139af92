import numpy as np

from tfrs_model.diagnostics import layer_norm


def test_rows_by_hand():
    np.testing.assert_allclose(layer_norm.layer_norm(np.array([[1.0, 3.0], [5.0, 5.0]])), [[-1.0, 1.0], [0.0, 0.0]])


def test_it_is_that_of_keras_without_scale_and_shift():
    import tensorflow as tf

    embeddings = np.random.default_rng(0).normal(size=[6, 12]).astype(np.float32)
    expected = tf.keras.layers.LayerNormalization(epsilon=1e-12, center=False, scale=False)(embeddings)
    np.testing.assert_allclose(layer_norm.layer_norm(embeddings), expected, atol=1e-5)
