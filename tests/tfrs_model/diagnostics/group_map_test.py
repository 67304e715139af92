import numpy as np
import pytest

from tfrs_model.diagnostics import group_map


def test_orthogonal_groups_stand_at_the_corners_and_one_region_at_the_origin():
    groups = np.repeat(np.arange(4), 5)
    places, explained = group_map.places_by_group(3.0 * np.eye(6)[groups], groups)
    np.testing.assert_allclose(places[::5], [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-12)
    assert explained == pytest.approx(1.0)
    generator = np.random.default_rng(0)
    alike = np.ones([400, 6]) + generator.normal(size=[400, 6])
    places, explained = group_map.places_by_group(alike, np.arange(400) % 4)
    # Six numbers explain about 6 of 400 by chance.
    assert explained < 0.04
    assert np.abs(places).max() < 0.6
