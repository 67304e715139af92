import numpy as np
import pytest

from pipelines import folding_figures


def test_orthogonal_groups_stand_at_the_corners_and_one_region_at_the_origin():
    groups = np.repeat(np.arange(4), 5)
    places, explained = folding_figures.places_by_group(3.0 * np.eye(6)[groups], groups)
    np.testing.assert_allclose(places[::5], [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-12)
    assert explained == pytest.approx(1.0)
    generator = np.random.default_rng(0)
    alike = np.ones([400, 6]) + generator.normal(size=[400, 6])
    places, explained = folding_figures.places_by_group(alike, np.arange(400) % 4)
    # Six numbers explain about 6 of 400 by chance.
    assert explained < 0.04
    assert np.abs(places).max() < 0.6


def test_a_curve_tells_its_points_to_who_cannot_see_them():
    points = [
        {"dose": dose, "foreign_share": share, "lowest": 0, "highest": 1} for dose, share in ((0, 0.9), (1e-5, 0))
    ]
    svg = folding_figures.dose_curve("gravity", "Gravity", {"factors": points}, 0.875)
    assert "factors: 90.0% at 0, 0.0% at 1e-05. At random 87.5%." in svg


def test_more_groups_than_colors_are_still_drawn():
    groups = np.arange(30) % 10
    svg = folding_figures.candidate_map("map", "Ten groups", np.eye(10)[groups], groups)
    assert "Map of 30 candidates of 10 groups: Ten groups." in svg
