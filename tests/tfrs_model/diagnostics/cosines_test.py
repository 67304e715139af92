import numpy as np

from tfrs_model.diagnostics import cosines


def test_cosines_by_hand():
    found = cosines.cosines(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [-6.0, -8.0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8, -1.0]])


def test_a_row_without_direction_is_like_nothing_and_divides_by_nothing():
    found = cosines.cosines(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [2.0, 0.0]]))
    np.testing.assert_array_equal(found, [[0.0, 0.0], [0.0, 1.0]])


def test_the_nearest_come_best_first_and_of_equal_ones_the_lower_row():
    found = cosines.nearest(np.array([[0.1, 0.9, 0.5, 0.9]]), 3)
    np.testing.assert_array_equal(found, [[1, 3, 2]])


def test_nobody_is_its_own_neighbour():
    embeddings = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    np.testing.assert_array_equal(cosines.nearest_neighbours(embeddings, 1), [[1], [0], [3], [2]])


def test_the_neighbours_of_some_are_those_rows_of_the_neighbours_of_all():
    embeddings = np.random.default_rng(0).normal(size=[20, 4])
    everybody = cosines.nearest_neighbours(embeddings, 3)
    np.testing.assert_array_equal(cosines.nearest_neighbours(embeddings, 3, np.array([4, 17])), everybody[[4, 17]])
