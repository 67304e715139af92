import pytest

from pipelines.report import interval_chart, rivals
from pipelines.report.interval_chart import Measured
from tests.pipelines.report import parsed_page

_NOTHING = Measured(None, None, None)


def _drawing(series, groups=("a", "b")):
    chart = interval_chart.interval_chart("chart", "Recall", groups, series, "Recall@10")
    return parsed_page.parse(chart.svg).find("svg")[0]


@pytest.fixture
def two():
    model, popularity = rivals.rivals_of({"model": {"x": 1}, "popularity": {"x": 1}})
    return [
        (model, [Measured(0.4, 0.2, 0.6), Measured(0.1, 0.0, 0.2)]),
        (popularity, [Measured(0.2, 0.1, 0.3), _NOTHING]),
    ]


def test_bars_are_as_long_as_their_intervals(two):
    drawing = _drawing(two)
    wide, narrow = (line[2] - line[0] for line in parsed_page.straight_lines(drawing, "model"))
    (other,) = (line[2] - line[0] for line in parsed_page.straight_lines(drawing, "popularity"))
    assert wide / narrow == pytest.approx(2.0, rel=1e-3)
    assert other == pytest.approx(narrow, rel=1e-3)


def test_the_alternative_text_tells_every_mean_with_its_interval(two):
    assert _drawing(two).find("desc")[0].text == (
        "Dots with 95% intervals. Recall. Model: a 40.0% (20.0% to 60.0%); b 10.0% (0.0% to 20.0%). "
        "Popularity: a 20.0% (10.0% to 30.0%); b none."
    )


def test_long_names_of_groups_are_cut_in_the_drawing_alone(two):
    drawing = _drawing(two, ("a very long name of a group", "b"))
    assert "a very long n\N{HORIZONTAL ELLIPSIS}" in [each.text for each in drawing.find("text")]
    assert "a very long name of a group 40.0%" in drawing.find("desc")[0].text


def test_more_groups_make_a_higher_drawing(two):
    few = _drawing(two).attributes["viewbox"].split()
    three = [(rival, [*measured, _NOTHING]) for rival, measured in two]
    more = _drawing(three, ("a", "b", "c")).attributes["viewbox"].split()
    assert few[2] == more[2]
    assert int(more[3]) - int(few[3]) == 39
