import numpy as np

from pipelines import folding_figures


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
