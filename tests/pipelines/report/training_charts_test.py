import itertools
import math

from pipelines.report import training_charts
from tests.pipelines.report import example_report, parsed_page

_DASH = "\N{EN DASH}"


def _drawn(charts):
    return {each.title: parsed_page.parse(each.svg).find("svg")[0] for each in charts}


def _texts(drawing):
    return [each.text for each in drawing.find("text")]


def _height(drawing, text):
    (found,) = [each for each in drawing.find("text") if each.text == text]
    return float(found.attributes["y"])


def test_loss_recall_and_ranking_are_drawn_apart_with_the_kept_epoch_marked():
    history = example_report.example_report()["training"]["history"]
    drawings = _drawn(training_charts.training_charts(history, 4, "recall_at_10"))
    assert list(drawings) == ["Training loss", "Validation recall", "Validation ranking"]
    assert all("kept: epoch 4" in _texts(drawing) for drawing in drawings.values())
    assert {"Recall@10", "Recall@20", "Recall@50", "Recall@100"} <= set(_texts(drawings["Validation recall"]))
    assert {"NDCG@10", "NDCG@20", "NDCG@50", "NDCG@100", "MRR"} <= set(_texts(drawings["Validation ranking"]))


def test_the_alternative_text_tells_first_kept_and_last_value():
    history = [
        {"epoch": 1, "loss": 7.0, "validation": None},
        {"epoch": 2, "loss": 6.5, "validation": None},
        {"epoch": 3, "loss": 6.75, "validation": None},
    ]
    drawing = _drawn(training_charts.training_charts(history, 2))["Training loss"]
    assert drawing.find("desc")[0].text == (
        "Line chart. Training loss over 3 epochs. Loss is 7.000 in epoch 1, 6.500 in epoch 2, 6.750 in epoch 3. "
        "Epoch 2 is marked as the one that is kept."
    )


def test_names_of_lines_that_end_together_do_not_overlap():
    alike = {"ndcg_at_10": 0.5, "ndcg_at_20": 0.5, "ndcg_at_50": 0.5, "ndcg_at_100": 0.5, "mrr": 0.499}
    history = [{"epoch": epoch, "loss": 1.0, "validation": alike} for epoch in (1, 2)]
    drawing = _drawn(training_charts.training_charts(history, 1))["Validation ranking"]
    heights = sorted(_height(drawing, name) for name in ("MRR", "NDCG@10", "NDCG@20", "NDCG@50", "NDCG@100"))
    letter_height = 12.5
    assert all(below - above >= letter_height for above, below in itertools.pairwise(heights))


def test_an_epoch_without_numbers_leaves_a_gap_and_stops_nothing():
    history = example_report.example_report()["training"]["history"]
    history[-1] |= {"loss": math.nan, "validation": None}
    drawings = _drawn(training_charts.training_charts(history, 3, "mrr"))
    assert _DASH in drawings["Training loss"].find("desc")[0].text
    assert "MRR" in _texts(drawings["Validation ranking"])
    assert all("nan" not in str(each.attributes) for drawing in drawings.values() for each in drawing.find("path"))


def test_two_models_are_drawn_over_their_own_epochs():
    histories = [
        [{"validation": {"recall_at_10": value}} for value in values] for values in ((0.1, 0.3, 0.2), (0.05, 0.06))
    ]
    chart = training_charts.comparison_chart("both", ["with", "without <it>"], histories)
    (drawing,) = parsed_page.parse(chart.svg).find("svg")
    assert {"with", "without <it>"} <= set(_texts(drawing))
    assert drawing.find("desc")[0].text == (
        "Line chart. Validation recall@10 over epochs. with has its best, 0.300, in epoch 2 of 3. "
        "without <it> has its best, 0.060, in epoch 2 of 2."
    )


def test_two_models_are_not_drawn_where_one_was_not_validated():
    histories = [[{"validation": {"recall_at_10": 0.1}}], [{"validation": None}]]
    assert training_charts.comparison_chart("both", ["a", "b"], histories) is None
