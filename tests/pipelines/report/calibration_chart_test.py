import pytest

from pipelines.report import calibration_chart
from tests.pipelines.report import example_figures, parsed_page


@pytest.fixture(scope="module")
def drawing():
    chart = calibration_chart.calibration_chart(example_figures.calibration()["bins"])
    return parsed_page.parse(chart.svg).find("svg")[0]


def test_bars_reach_from_the_low_to_the_high_ratio_on_logarithmic_axes(drawing):
    rare, common = parsed_page.straight_lines(drawing, "model")
    # Planted: two powers of ten lie between the two, so each is half the distance.
    decade = (common[0] - rare[0]) / 2
    assert rare[0] == rare[2]
    heights = [(line[1] - line[3]) / decade for line in (rare, common)]
    # log10(2.5 / 1.5) and log10(1.1 / .9), in units of one height.
    assert heights[0] / heights[1] == pytest.approx(0.22185 / 0.08715, rel=2e-3)


def test_the_line_of_equality_runs_from_corner_to_corner(drawing):
    diagonal = max(parsed_page.straight_lines(drawing, "muted"), key=lambda line: abs(line[2] - line[0]))
    rare, common = parsed_page.straight_lines(drawing, "model")
    middle = (diagonal[0] + diagonal[2]) / 2
    assert diagonal[0] < rare[0] < common[0] < diagonal[2]
    assert abs(middle - (rare[0] + common[0]) / 2) < abs(diagonal[2] - diagonal[0]) / 4


def test_marks_are_powers_of_ten_in_letters_that_any_page_has(drawing):
    texts = [each.text for each in drawing.find("text")]
    assert "10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT THREE}" in texts
    assert not [each for each in texts if "$" in each or "math" in each]
