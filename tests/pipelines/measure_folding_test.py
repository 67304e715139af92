import dataclasses

import numpy as np
import pytest

from pipelines import candidate_groups, job, measure_folding, model_directory, offline_evaluation
from tests import planted_log
from tests.pipelines import prepared_tables
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


class _Alike:
    """Embeds all queries and all of 12 candidates alike."""

    def queries(self, asked):
        return np.ones([len(asked), 1], np.float32)

    def corpus(self):
        return np.ones([12, 1], np.float32)


@pytest.fixture
def measure_small(tmp_path, monkeypatch):
    """Measures on 12 candidates, the first six in a group of their own, of which queries chose some."""
    halves = groupings.Grouping("half", ("first", "second"), np.repeat([0, 1], 6))
    monkeypatch.setattr(candidate_groups, "by_column", lambda corpus, name: halves)
    monkeypatch.setattr(model_directory, "require_schema", lambda model_dir, data: None)
    monkeypatch.setattr(model_directory, "best_checkpoint_name", lambda model_dir: "towers-1")
    monkeypatch.setattr(offline_evaluation.Embedder, "of_directory", lambda *arguments: _Alike())

    def measure(num_chosen):
        rows = [
            (query, "abcdefghijkl"[place], place, "train", place)
            for query, count in num_chosen.items()
            for place in range(count)
        ]
        prepared_dir = prepared_tables.write(tmp_path / "prepared", rows, list("abcdefghijkl"))
        return measure_folding.run(measure_folding.MeasureFoldingConfig(prepared_dir, "model", "half"))

    return measure


def test_a_query_with_fewer_than_ten_candidates_left_is_counted_and_not_asked(measure_small):
    result = measure_small({"p": 1, "q": 3})
    assert result["num_pure_queries"] == 1
    assert result["num_pure_queries_with_too_few_candidates_left"] == 1
    # Of the 11 candidates that are left to p, 6 are of the other group.
    assert result["model"]["chance"] == pytest.approx(6 / 11)
    assert [each["num_pure_queries"] for each in result["model_by_group"]] == [1]


def test_where_no_query_has_enough_left_the_corpus_is_too_small(measure_small):
    with pytest.raises(job.ConfigError, match="10 candidates left that it did not choose, but of 2 pure queries none"):
        measure_small({"p": 3, "q": 4})


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
