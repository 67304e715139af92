import numpy as np
import pytest

from pipelines.comparison import figures
from tfrs_model import metrics, ranking


def _answers(ranks, top_rows=((0, 1), (0, -1))):
    return ranking.Ranking(np.array(ranks), np.arange(len(ranks) + 1), np.array(top_rows))


def test_figures_of_two_systems_are_means_over_questions_and_seeds_with_their_difference():
    generator = np.random.default_rng(0)
    hits = [np.where(generator.random(400) < share, 1, 12) for share in (0.2, 0.5, 0.6)]
    top_rows = np.tile([[0, 1]], [400, 1])
    first, *second = (_answers(each, top_rows) for each in hits)
    rows = figures.figures_of([[first], second], np.arange(400), np.array([6, 2, 0, 0]), ["recall_at_10", "mrr"])
    means = [np.mean(each == 1) for each in hits]
    assert rows[0]["recall_at_10"]["mean"] == pytest.approx(means[0])
    assert rows[1]["recall_at_10"]["mean"] == pytest.approx((means[1] + means[2]) / 2)
    assert rows[1]["recall_at_10"]["seeds"] == pytest.approx(means[1:])
    assert rows[1]["mrr"]["mean"] == pytest.approx(np.mean([(each == 1) + (each == 12) / 12 for each in hits[1:]]))
    # Half of 400: the standard error is .0175 for the mean of two seeds, .025 for one.
    of_first = rows[0]["recall_at_10"]
    assert of_first["high"] - of_first["low"] == pytest.approx(4 * np.sqrt(means[0] * (1 - means[0]) / 400), rel=0.15)
    assert "minus_first" not in rows[0]
    difference = rows[1]["minus_first"]["recall_at_10"]
    assert difference["mean"] == pytest.approx((means[1] + means[2]) / 2 - means[0])
    assert difference["low"] > 0.2
    assert difference["p_value"] < 0.01
    assert rows[0]["coverage_at_10"] == 0.5
    assert rows[0]["mean_popularity_at_10"] == 4.0


def test_questions_of_one_query_are_drawn_together():
    ranks = np.repeat(np.arange(40) % 2 * 11 + 1, 10)
    top_rows = np.zeros([400, 1], np.int64)

    def width(owners):
        (row,) = figures.figures_of([[_answers(ranks, top_rows)]], owners, np.ones(2), ["recall_at_10"])
        return row["recall_at_10"]["high"] - row["recall_at_10"]["low"]

    # Ten questions that are worth the same are one: the interval is wider by the root of 10.
    assert width(np.repeat(np.arange(40), 10)) / width(np.arange(400)) == pytest.approx(np.sqrt(10), rel=0.15)


@pytest.mark.parametrize(
    "name",
    # The last three are digits to Python, but no cut-off that a figure is named after.
    [
        "recall",
        "recall_at_",
        "recall_at_0",
        "recall_at_x",
        "mrr_at_10",
        "auc_at_10",
        "recall_at_010",
        "recall_at_²",
        "recall_at_٣",
    ],
)
def test_a_metric_that_there_is_not_is_refused(name):
    with pytest.raises(metrics.MetricsError, match=r"A metric must be mrr, or one of recall, .* but is "):
        figures.require_metrics(["mrr", "ndcg_at_20", name])
