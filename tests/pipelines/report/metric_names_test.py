import pytest

from pipelines.report import metric_names


def test_metrics_come_by_family_and_growing_cut_off():
    names = [
        "mrr",
        "ndcg_at_10",
        "recall_at_100",
        "coverage_at_10",
        "recall_at_50",
        "ndcg_at_5",
        "mean_popularity_at_10",
    ]
    assert metric_names.ranking_metrics(names) == [
        "recall_at_50",
        "recall_at_100",
        "ndcg_at_5",
        "ndcg_at_10",
        "mrr",
        "coverage_at_10",
    ]


@pytest.mark.parametrize(
    ("name", "label", "in_a_sentence"),
    [
        ("recall_at_10", "Recall@10", "recall@10"),
        ("ndcg_at_50", "NDCG@50", "NDCG@50"),
        ("mrr", "MRR", "MRR"),
        ("seconds", "seconds", "seconds"),
    ],
)
def test_metrics_are_written_as_the_field_writes_them(name, label, in_a_sentence):
    assert metric_names.label(name) == label
    assert metric_names.in_a_sentence(name) == in_a_sentence


def test_further_metrics_are_none_of_the_ranking():
    names = ["gini_at_10", "recall_at_10", "precision_at_20", "precision_at_10", "mean_popularity_at_10"]
    assert metric_names.further_metrics(names) == ["precision_at_10", "precision_at_20", "gini_at_10"]
    assert metric_names.ranking_metrics(names) == ["recall_at_10"]
