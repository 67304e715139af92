import math

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import relevance, target_ranks


def _summary(ranks, ks):
    return relevance.summarize(relevance.measure(target_ranks.of_single_targets(np.array(ranks)), ks))


def test_every_metric_of_single_targets_by_hand():
    summary = _summary([1, 3, 2, 11], [1, 3])
    # 1 / log2(2) + 1 / log2(4) + 1 / log2(3) = 1 + .5 + .63093; 1 + 1/3 + 1/2 + 1/11 = 1.92424
    at_1 = dict.fromkeys(["recall_at_1", "ndcg_at_1", "precision_at_1", "hit_rate_at_1", "map_at_1"], 1 / 4)
    at_3 = {"recall_at_3": 3 / 4, "ndcg_at_3": 2.13093 / 4, "precision_at_3": 1 / 4, "hit_rate_at_3": 3 / 4}
    assert summary == pytest.approx({**at_1, **at_3, "map_at_3": (11 / 6) / 4, "mrr": 1.92424 / 4}, rel=1e-5)


def test_every_metric_of_several_targets_by_hand():
    values = relevance.measure(metrics.TargetRanks([12, 1, 3, 2], [0, 3, 4]), [3])
    expected = {
        "recall_at_3": [2 / 3, 1],
        # Three targets have 1 + .63093 + .5 at best.
        "ndcg_at_3": [1.5 / 2.13093, 0.63093],
        "precision_at_3": [2 / 3, 1 / 3],
        "hit_rate_at_3": [1, 1],
        # Of the ranks up to the first and the second target 1/1 and 2/3 are targets.
        "map_at_3": [(1 + 2 / 3) / 3, 1 / 2],
        "mrr": [1, 1 / 2],
    }
    assert values.keys() == expected.keys()
    for name, each in expected.items():
        np.testing.assert_allclose(values[name], each, rtol=1e-5, err_msg=name)


def test_a_rank_at_the_cut_off_is_inside():
    summary = _summary([10, 11], [10])
    assert summary["recall_at_10"] == 0.5
    assert summary["ndcg_at_10"] == pytest.approx(0.5 / math.log2(11))


def test_more_targets_than_the_cut_off_leave_recall_below_one_but_not_the_others():
    summary = relevance.summarize(relevance.measure(metrics.TargetRanks([1, 2, 3, 4], [0, 4]), [2]))
    assert summary.pop("recall_at_2") == 0.5
    assert set(summary.values()) == {1.0}


def test_precision_counts_places_that_no_candidate_could_take():
    # One target and nothing else in the corpus, asked for ten.
    assert _summary([1], [10])["precision_at_10"] == pytest.approx(0.1)


def test_no_questions_have_no_averages():
    summary = _summary(np.zeros(0, np.int64), [5, 10])
    assert len(summary) == 11
    assert all(math.isnan(value) for value in summary.values())


def test_only_the_metrics_that_are_wanted_are_measured():
    values = relevance.measure(target_ranks.of_single_targets([1]), [5], ["ndcg", "mrr"])
    assert list(values) == ["ndcg_at_5", "mrr"]


def test_the_mean_of_the_hits_of_its_targets_is_the_recall_of_a_question():
    ranks = metrics.TargetRanks([12, 1, 3, 2], [0, 3, 4])
    hits = relevance.measure_targets(ranks, [3])["recall_at_3"]
    assert hits.tolist() == [0, 1, 1, 1]
    np.testing.assert_allclose(
        np.bincount(ranks.owners, hits) / ranks.num_targets, relevance.measure(ranks, [3])["recall_at_3"]
    )


def test_an_unknown_metric_is_refused():
    with pytest.raises(metrics.MetricsError, match=r"are recall, .*, mrr, but \['auc'\] are wanted"):
        relevance.measure(target_ranks.of_single_targets([1]), [5], ["auc"])


def test_a_cut_off_below_one_is_refused():
    with pytest.raises(metrics.MetricsError, match=r"Cut-offs must be at least 1, but are \(5, 0\)"):
        relevance.measure(target_ranks.of_single_targets([1]), [5, 0])


@pytest.mark.parametrize("k", [0, 4])
def test_a_cut_off_deeper_than_the_answers_is_refused(k):
    found = target_ranks.in_answers(np.array([[0, 1, 2]]), np.array([0]), np.array([0, 1]))
    with pytest.raises(metrics.MetricsError, match="Cut-offs must be between 1 and the 3 candidates of an answer, but"):
        relevance.measure(found, [k], ["recall"])


def test_the_rank_of_a_target_that_was_not_found_makes_no_mrr():
    found = target_ranks.in_answers(np.array([[0, 1, 2]]), np.array([9]), np.array([0, 1]))
    assert relevance.measure(found, [3], relevance.AT_K)["hit_rate_at_3"].tolist() == [0]
    with pytest.raises(metrics.MetricsError, match="ranks beyond 3 are not known; rank the whole corpus, or leave MRR"):
        relevance.measure(found, [3])
