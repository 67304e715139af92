from pipelines.report import trade_off_chart
from tests.pipelines.report import parsed_page

_POINTS = [
    {"share": 0.05, "recall": 0.8, "is_chosen": False},
    {"share": 0.1, "recall": 0.95, "is_chosen": True},
    {"share": 0.2, "recall": 0.99, "is_chosen": False},
]


def _drawing():
    return parsed_page.parse(trade_off_chart.trade_off_chart(_POINTS, 100).svg).find("svg")[0]


def test_the_line_runs_through_the_settings_and_the_one_that_is_served_is_named():
    drawing = _drawing()
    texts = [each.text for each in drawing.find("text")]
    assert {"served", "10%", "Index recall@100"} <= set(texts)
    (line,) = [
        [float(word) for word in path.attributes["d"].split() if word not in "ML"]
        for path in drawing.find("path")
        if "stroke: var(--model)" in path.attributes.get("style", "") and path.attributes["d"].count("L") == 2
    ]
    # Each share is twice the one before, and the first step in recall is .15 of .19.
    assert abs((line[2] - line[0]) - (line[4] - line[2])) < 0.01
    assert abs((line[1] - line[3]) / (line[1] - line[5]) - 0.15 / 0.19) < 1e-3


def test_the_alternative_text_tells_every_setting():
    assert _drawing().find("desc")[0].text == (
        "Line chart. 5.0% of the leaves find 80.0%; 10.0% of the leaves find 95.0%, which is served; "
        "20.0% of the leaves find 99.0%."
    )
