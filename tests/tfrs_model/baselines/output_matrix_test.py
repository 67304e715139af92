import numpy as np
import tensorflow as tf

from tfrs_model.baselines import output_matrix


def test_ids_get_the_rows_of_the_matrix_and_new_ones_zero():
    layer = output_matrix.OutputMatrix(np.array(["b", "a", "c"], object), 4, seed=0)
    vectors = layer({"candidate_id": tf.constant(["c", "new", "", "b"])}).numpy()
    np.testing.assert_array_equal(vectors, [layer.matrix[2], np.zeros(4), np.zeros(4), layer.matrix[0]])
    assert layer.input_specs["candidate_id"].dtype == tf.string
    assert layer.embedding_dim == 4


def test_the_initial_rows_come_of_the_seed_and_have_length_about_one():
    ids = np.array([f"c{i}" for i in range(500)], object)
    first, again, other = (output_matrix.OutputMatrix(ids, 16, seed).matrix.numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_allclose(np.linalg.norm(first, axis=1).mean(), 1.0, atol=0.05)
