import numpy as np
import pytest

from benchmarks.course_table import cold_start, featured_groups


@pytest.fixture(scope="module")
def log():
    return featured_groups.FeaturedGroups.plant(0)


def test_training_sees_neither_new_queries_nor_new_candidates(log):
    interactions = log.interactions()
    assert not log.is_new_query[interactions.query_rows].any()
    assert not log.is_new_candidate[interactions.candidate_rows].any()
    assert not log.is_new_candidate[log.chosen.rows].any()
    assert (log.is_new_query.sum(), log.is_new_candidate.sum()) == (8 * 20, 8 * 4)
    assert not set(log.model_inputs().candidate_ids) & set(log.candidate_ids[log.is_new_candidate])


def test_histories_end_at_the_end_of_their_row(log):
    inputs = log.query_inputs(np.array([0, 100]), [np.array([3, 1]), np.array([], int)], 3)
    assert inputs["history"].tolist() == [["", "candidate-3", "candidate-1"], ["", "", ""]]
    assert inputs["group"].tolist() == ["0", "1"]


def test_answers_that_treat_all_of_a_group_alike_have_as_many_new_candidates_as_expected(log):
    queries = np.arange(0, 800, 7)
    generator = np.random.default_rng(0)
    top = []
    for query in queries:
        own = np.flatnonzero(log.candidate_groups == log.query_groups[query])
        seen = log.chosen.rows[log.chosen.splits[query] : log.chosen.splits[query + 1]]
        top.append(generator.permutation(np.setdiff1d(own, seen))[:10])
    assert cold_start._new_share(log, np.array(top), queries) == pytest.approx(1.0, abs=0.15)


def test_the_factorisation_knows_nothing_of_a_new_query_and_a_new_candidate(log):
    row = cold_start._row("wals", log, *cold_start._wals(log, 0))
    # All scores are 0, the first rows come first, and they are right for one of eight groups.
    assert row["new_query_feature_only"] == pytest.approx(7 / 8)
    assert row["new_candidates"] == 0.0
    assert row["known_query"] == row["new_query_with_history"] == 0.0
