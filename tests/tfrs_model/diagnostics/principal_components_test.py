import numpy as np
import pytest

from tfrs_model.diagnostics import principal_components


def test_a_rectangle_is_seen_along_its_sides():
    found = principal_components.project(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0], [4.0, 2.0]]))
    np.testing.assert_allclose(np.abs(found.coordinates), [[2.0, 1.0]] * 4, atol=1e-12)
    # By hand: 4 * 2^2 of 4 * (2^2 + 1^2).
    np.testing.assert_allclose(found.kept_variance, [0.8, 0.2])


def test_a_turned_and_moved_line_is_found_again():
    generator = np.random.default_rng(0)
    places = generator.normal(size=50)
    direction = np.array([2.0, -1.0, 2.0]) / 3.0
    found = principal_components.project(np.outer(places, direction) + np.array([5.0, 6.0, 7.0]))
    expected = places - places.mean()
    expected *= np.sign(expected[np.argmax(np.abs(expected))])
    np.testing.assert_allclose(found.coordinates[:, 0], expected, atol=1e-12)
    assert found.kept_variance[0] == pytest.approx(1.0)


def test_the_kept_variance_is_that_of_the_covariance():
    rows = np.random.default_rng(1).normal(size=[200, 6]) * [5, 4, 3, 2, 1, 0.5]
    values = np.sort(np.linalg.eigvalsh(np.cov(rows, rowvar=False)))[::-1]
    np.testing.assert_allclose(principal_components.project(rows).kept_variance, values[:2] / values.sum())


def test_the_direction_does_not_depend_on_the_sign_of_the_rows_alone():
    rows = np.random.default_rng(2).normal(size=[30, 4])
    for found in (principal_components.project(rows), principal_components.project(-rows)):
        assert np.all(found.coordinates.max(axis=0) >= -found.coordinates.min(axis=0))


@pytest.mark.parametrize("rows", [np.ones([3, 4]), np.ones([1, 4])])
def test_equal_rows_have_no_variance_and_stand_on_one_place(rows):
    found = principal_components.project(rows)
    np.testing.assert_array_equal(found.coordinates, np.zeros([len(rows), 2]))
    np.testing.assert_array_equal(found.kept_variance, [0.0, 0.0])


def test_embeddings_of_width_one_have_a_second_coordinate_of_zero():
    found = principal_components.project(np.array([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(found.coordinates, [[-2.0, 0.0], [-1.0, 0.0], [3.0, 0.0]])
    np.testing.assert_allclose(found.kept_variance, [1.0, 0.0])
