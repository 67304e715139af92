import dataclasses

import numpy as np
import pytest

from pipelines import candidate_groups, job, measure_folding
from tests import planted_log
from tfrs_model.metrics import groupings


@pytest.fixture(scope="module")
def config(line):
    return measure_folding.MeasureFoldingConfig(
        line.prepared_dir, line.model_dir, num_groups=planted_log.NUM_GROUPS, least_share=0.6
    )


@pytest.fixture
def planted(monkeypatch):
    """Puts the truth in place of the groups that are found."""

    def groups(data, num_groups):
        labels = np.array([planted_log.group_of(each) for each in data.candidate_ids])
        return groupings.Grouping("planted", tuple(map(str, range(num_groups))), labels)

    monkeypatch.setattr(candidate_groups, "by_co_occurrence", groups)


@pytest.mark.usefixtures("planted")
def test_a_trained_model_answers_with_less_foreign_than_popularity(config):
    result = measure_folding.run(config)
    assert result["num_queries"] == planted_log.NUM_QUERIES
    assert result["model"]["forced"] <= result["model"]["foreign_share"] < result["popularity"]["foreign_share"]
    assert result["model"]["chance"] == result["popularity"]["chance"] > 0.75
    assert sum(each["num_pure_queries"] for each in result["model_by_group"]) == result["num_pure_queries"]
    assert [each["num_candidates"] for each in result["model_by_group"]] == [20] * 4


@pytest.mark.usefixtures("planted")
def test_the_history_strays_as_far_as_a_count_says(config, line):
    rows = [each.split(",") for each in line.log.interactions.read_text().splitlines()[1:]]
    shares = []
    for query in range(planted_log.NUM_QUERIES):
        groups = [planted_log.group_of(item) for shopper, item, _ in rows if shopper == f"shopper-{query}"]
        share = max(groups.count(group) for group in set(groups)) / len(groups)
        shares += [share] if share >= 0.6 else []
    result = measure_folding.run(config)
    assert result["num_pure_queries"] == len(shares)
    assert result["history_foreign_share"] == pytest.approx(1 - np.mean(shares))


def test_groups_are_found_where_no_column_is_named(config):
    result = measure_folding.run(config)
    assert result["num_pure_queries"] > 0
    names = {each["group"] for each in result["model_by_group"]}
    assert names <= {"group 1", "group 2", "group 3", "group 4"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"num_groups": 0}, "but neither is given"),
        ({"group_column": "price"}, "but both are given"),
        ({"least_share": 0.5}, r"--least_group_share must be in \(.5, 1\], but is 0.5"),
        ({"model_dir": ""}, "--model_dir must name a directory"),
    ],
)
def test_a_configuration_that_says_too_little_or_too_much_is_refused(config, changes, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)
