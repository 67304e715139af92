import numpy as np
import pytest

from benchmarks.index import corpora, search, searchers
from pipelines import job


@pytest.fixture(scope="module")
def corpus():
    return corpora.fitted(2000, num_queries=130)


def _planted(monkeypatch, points):
    """Makes searchers that were measured already: by name, (setting, recall, seconds of a query)."""

    def make(name):
        return lambda corpus, k: searchers.Searcher(name, [[(each[0],) for each in points[name]]], None, None)

    def measured(corpus, searcher):
        return [
            search.Point((each[0],), each[1], np.full(5, each[2]), np.full(2, each[2]))
            for each in points[searcher.name]
        ]

    for name in points:
        monkeypatch.setitem(searchers.SEARCHERS, name, make(name))
    monkeypatch.setattr(search, "_points", measured)


def test_each_target_is_met_by_the_fastest_setting_that_reaches_it(corpus, monkeypatch):
    # The third setting is faster than the second and finds more.
    of_scann = [(1, 0.91, 1e-4), (2, 0.96, 4e-4), (3, 0.97, 2e-4), (4, 0.995, 5e-4)]
    _planted(monkeypatch, {"scann": of_scann, "faiss": [(1, 0.96, 3e-4)]})
    measured = search.measure(corpus, ["scann", "faiss"])
    rows = measured["rows"]
    assert [(row["recall"], row["setting"]) for row in rows[:3]] == [(0.9, [1]), (0.95, [3]), (0.99, [4])]
    assert [row["queries_per_second"] for row in rows[3:]] == [pytest.approx(1 / 3e-4)] * 2 + [None]
    assert measured["holds"]


def test_scann_must_be_ahead_at_95(corpus, monkeypatch):
    _planted(monkeypatch, {"scann": [(1, 0.96, 3e-4)], "faiss": [(1, 0.94, 1e-4), (2, 0.96, 2.9e-4)]})
    assert not search.measure(corpus, ["scann", "faiss"])["holds"]


def test_a_target_that_no_setting_reaches_has_no_speed(corpus, monkeypatch):
    def make(corpus, k):
        nothing = np.full([130, k], -1)
        return searchers.Searcher("blind", [[(1,)]], lambda query, each: nothing[0], lambda queries, each: nothing)

    monkeypatch.setitem(searchers.SEARCHERS, "scann", make)
    measured = search.measure(corpus, ["scann"])
    assert [row["queries_per_second"] for row in measured["rows"]] == [None] * 3
    assert not measured["holds"]


def test_scann_with_this_projects_parameters_finds_the_exact_answer_of_a_small_corpus(corpus):
    searcher = searchers.scann(corpus, 10)
    assert corpus.recall(searcher.search_many(corpus.queries, searcher.curves[0][0]), 10) >= 0.999


def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it():
    with pytest.raises(
        job.ConfigError, match=r"nolib-x is compared with, but is not installed; pip install -e '\.\[ben"
    ):
        searchers._import("no_such_library", "nolib-x")
