import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import groupings


def _names(grouping):
    return [grouping.groups[label] for label in grouping.labels]


def test_targets_of_the_most_popular_tenth_are_in_the_first_group():
    grouping = groupings.by_popularity(np.array([19, 0, 17]), np.arange(20))
    assert _names(grouping) == ["1", "10", "2"]
    assert len(grouping.groups) == 10


def test_candidates_and_queries_without_training_interactions_are_new():
    assert _names(groupings.by_newness_of_candidate(np.array([1, 0, 1]), np.array([5, 0]))) == ["new", "known", "new"]
    assert _names(groupings.by_newness_of_query(np.array([0, 7]))) == ["new", "known"]


def test_histories_are_grouped_by_length():
    grouping = groupings.by_history_length(np.array([0, 1, 4, 5, 19, 20, 99, 100, 5000]))
    assert _names(grouping) == ["0", "1-4", "1-4", "5-19", "5-19", "20-99", "20-99", "100+", "100+"]


def test_a_column_is_grouped_by_its_values_the_most_frequent_first():
    grouping = groupings.by_column("device", ["tv", "phone", "phone", None, "tv", "phone"])
    assert grouping.groups == ("phone", "tv", "(missing)")
    assert grouping.labels.tolist() == [1, 0, 0, 2, 1, 0]


def test_numbers_are_values_too_and_not_a_number_is_missing():
    grouping = groupings.by_column("score", np.array([2.5, np.nan, 2.5, np.nan, np.nan]))
    assert grouping.groups == ("(missing)", "2.5")


def test_the_rarest_values_are_one_group_that_says_so():
    grouping = groupings.by_column("city", list("aaabbcd"), max_groups=3)
    assert grouping.groups == ("a", "b", "(2 rarer values)")
    assert np.bincount(grouping.labels).tolist() == [3, 2, 2]


def test_a_column_of_nothing_has_no_groups():
    assert groupings.by_column("city", []).groups == ()


def test_a_column_that_cannot_be_grouped_is_refused():
    with pytest.raises(
        metrics.MetricsError, match=r"has the value \(missing\), which stands for none; write it another"
    ):
        groupings.by_column("city", ["a", "(missing)", None])
    with pytest.raises(metrics.MetricsError, match="at least 2 groups, one for what is left over, but max_groups=1"):
        groupings.by_column("city", ["a"], max_groups=1)


def test_labels_of_no_group_are_refused():
    with pytest.raises(metrics.MetricsError, match="Labels of city must be below 2, but 2 are not"):
        groupings.Grouping("city", ("a", "b"), np.array([0, 2, -1]))
    with pytest.raises(metrics.MetricsError, match="Labels of history_length must be below 5, but 1 are not"):
        groupings.by_history_length(np.array([-1]))
