import math

from pipelines.report import decile_chart
from tests.pipelines.report import parsed_page

_DASH = "\N{EN DASH}"

_TARGETS = [0.5, 0.3, 0.2]


def _drawing(*shares):
    return parsed_page.parse(decile_chart.decile_chart(*shares).svg).find("svg")[0]


def _bars(drawing, style):
    """Returns the heights of the bars of a style; a bar's path goes around its four corners."""
    heights = []
    for path in drawing.find("path"):
        if "clip-path" in path.attributes and style in path.attributes["style"]:
            numbers = [float(word) for word in path.attributes["d"].split() if word not in "MLz"]
            heights.append(max(numbers[1::2]) - min(numbers[1::2]))
    return heights


def test_bars_are_as_high_as_their_shares():
    drawing = _drawing([0.8, 0.2, 0.0], [1.0, 0.0, 0.0], _TARGETS)
    model, popularity = _bars(drawing, "fill: var(--model)"), _bars(drawing, "fill: var(--popularity)")
    targets = _bars(drawing, "stroke: var(--ink)")
    full = popularity[0]
    assert [round(height / full, 3) for height in model] == [0.8, 0.2, 0.0]
    assert [round(height / full, 3) for height in targets] == _TARGETS


def test_the_series_keep_their_names_and_looks_where_one_is_missing():
    drawing = _drawing([0.8, 0.2, 0.0], None, _TARGETS)
    texts = [each.text for each in drawing.find("text")]
    assert "Recommended by the model" in texts
    assert "Held-out interactions" in texts
    assert "Recommended by popularity" not in texts
    assert not _bars(drawing, "fill: var(--popularity)")
    assert len(_bars(drawing, "stroke: var(--ink)")) == 3


def test_the_alternative_text_tells_every_share():
    (desc,) = _drawing([0.8, 0.2, math.nan], None, _TARGETS).find("desc")
    assert f"Recommended by the model: 80.0%, 20.0%, {_DASH}; Held-out interactions: 50.0%, 30.0%, 20.0%." in desc.text
