import math

import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import groupings, intervals, relevance, slices, target_ranks


def test_a_slice_has_the_count_and_the_mean_of_its_questions_and_their_interval():
    generator = np.random.default_rng(0)
    lengths = np.repeat([0, 3, 50], [100, 200, 300])
    ranks = generator.integers(1, np.where(lengths == 0, 100, 20))
    values = relevance.measure(target_ranks.of_single_targets(ranks), [10], ["recall", "ndcg"])
    found = slices.measure_slices(groupings.by_history_length(lengths), values, num_draws=200)
    assert [(each.group, each.count) for each in found] == [
        ("0", 100),
        ("1-4", 200),
        ("5-19", 0),
        ("20-99", 300),
        ("100+", 0),
    ]
    assert found[1].metrics["recall_at_10"].mean == np.mean(ranks[100:300] <= 10)
    assert found[1].metrics["ndcg_at_10"] == intervals.mean_interval(values["ndcg_at_10"][100:300], num_draws=200)
    # The planted gap: about 10 of 99 against 10 of 19.
    assert found[0].metrics["recall_at_10"].high < found[1].metrics["recall_at_10"].low


def test_a_tiny_slice_shows_its_count_and_a_wide_interval_and_an_empty_one_any_value():
    grouping = groupings.Grouping("candidate", ("new", "known", "lost"), np.array([0, 0] + [1] * 98))
    found = slices.measure_slices(grouping, {"recall_at_10": np.ones(100)})
    tiny, _, empty = (each.metrics["recall_at_10"] for each in found)
    # Two hits of two: 1 / (1 + 3.8415 / 2).
    assert (tiny.mean, tiny.low, tiny.num_questions) == (1.0, pytest.approx(0.3424, abs=1e-4), 2)
    assert math.isnan(empty.mean)
    assert (empty.low, empty.high, found[2].count) == (0.0, 1.0, 0)


def test_targets_of_one_question_fall_into_different_deciles_and_each_counts():
    counts = np.arange(10)[::-1]
    target_rows = np.array([0, 9, 9, 0])
    ranks = metrics.TargetRanks([1, 30, 2, 3], [0, 2, 4])
    grouping = groupings.by_popularity(target_rows, counts)
    hits = relevance.measure_targets(ranks, [10])
    found = {each.group: each for each in slices.measure_slices(grouping, hits, ranks.owners)}
    # Of the most popular both are found, of the least popular the one of the second question.
    assert [found[group].metrics["recall_at_10"].mean for group in ("1", "10")] == [1.0, 0.5]
    assert [found[group].count for group in ("1", "5", "10")] == [2, 0, 2]
    assert sum(each.count for each in found.values()) == 4


def test_slices_of_questions_of_few_queries_have_wider_intervals():
    grouping = groupings.Grouping("all", ("all",), np.zeros(1000, np.int64))
    hits = {"recall_at_10": (np.arange(1000) % 100 < 50).astype(np.float64)}
    wide, narrow = (
        slices.measure_slices(grouping, hits, owners)[0].metrics["recall_at_10"]
        for owners in (np.arange(1000) % 100, None)
    )
    assert (wide.num_owners, narrow.num_owners) == (100, 1000)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


@pytest.mark.parametrize(("num_values", "num_owners", "name"), [(3, 2, "recall_at_10"), (2, 3, "owners")])
def test_values_of_targets_in_groups_of_questions_are_refused(num_values, num_owners, name):
    grouping = groupings.by_newness_of_query(np.zeros(2))
    with pytest.raises(
        metrics.MetricsError, match=f"{name} must have a value for each of the 2 labels of query, but has"
    ):
        slices.measure_slices(grouping, {"recall_at_10": np.zeros(num_values)}, np.zeros(num_owners))


def test_what_is_recommended_is_sliced_within_its_own_bounds():
    grouping = groupings.by_newness_of_query(np.array([0, 0, 4]))
    similarities = {"intra_list_similarity_at_10": np.array([-0.5, 0.1, 0.9])}
    new, known = slices.measure_slices(grouping, similarities, bounds=(-1.0, 1.0))
    assert new.metrics["intra_list_similarity_at_10"].mean == pytest.approx(-0.2)
    assert -1.0 < new.metrics["intra_list_similarity_at_10"].low < -0.5
    assert known.count == 1
    with pytest.raises(metrics.MetricsError, match=r"must be between 0.0 and 1.0, but 1 are not"):
        slices.measure_slices(grouping, similarities)
