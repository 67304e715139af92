import numpy as np
import pytest
import tensorflow as tf

from pipelines.bulk import answering
from tfrs_model import row_lists

_NUM_CANDIDATES = 400


class _Export:
    """Ranks by a matrix of scores; `allowed` is how many candidates a query that is restricted may be answered with."""

    restricting = ("filter_genre",)
    candidate_ids = np.array([b"any"] * _NUM_CANDIDATES, object)

    def __init__(self, scores):
        self.scores, self.depths = scores, []

    def embed(self, inputs):
        return inputs["number"]

    def find(self, embeddings, depth, restricting):
        self.depths.append((len(embeddings), depth))
        scores = self.scores[embeddings.numpy()].copy()
        for name in restricting:
            scores[restricting[name].numpy()[:, 0] == b"few", 7:] = -np.inf
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :depth].astype(np.int32)
        found = np.take_along_axis(scores, rows, axis=1)
        return np.where(found > -np.inf, rows, -1), found.astype(np.float32)


def _by_hand(scores, excluded, k):
    return [row for row in np.argsort(-scores, kind="stable").tolist() if row not in excluded][:k]


def _split(answers):
    return [each.tolist() for each in np.split(answers.rows, np.cumsum(answers.lengths)[:-1])]


def _ask(export, excluded, k, **restricting):
    return answering.answer(export, {"number": tf.range(len(excluded)), **restricting}, excluded, k)


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("longest", [3, 64, 65, 400])
def test_the_best_that_are_not_excluded_are_found_whatever_is_excluded(k, longest):
    generator = np.random.default_rng(longest)
    scores = generator.standard_normal([50, _NUM_CANDIDATES])
    # Half of the queries exclude their best, the others anything, some of it twice.
    lists = [
        np.argsort(-scores[i])[: generator.integers(longest + 1)].tolist()
        if i % 2
        else generator.integers(_NUM_CANDIDATES, size=generator.integers(longest + 1)).tolist()
        for i in range(50)
    ]
    answers = _ask(_Export(scores), row_lists.RowLists.of(lists), k)
    assert _split(answers) == [_by_hand(scores[i], set(lists[i]), k) for i in range(50)]
    owners = np.repeat(np.arange(50), answers.lengths)
    np.testing.assert_allclose(answers.scores, scores[owners, answers.rows], rtol=1e-6)


def test_only_queries_that_need_it_are_searched_for_again_as_deep_as_they_exclude():
    scores = -np.tile(np.arange(_NUM_CANDIDATES, dtype=np.float64), [3, 1])
    export = _Export(scores)
    # By hand: of a search for 8 + 2, the second query has all 10 excluded, the first still has 8.
    answers = _ask(export, row_lists.RowLists.of([[0, 1], list(range(10)), [399]]), 8)
    assert export.depths == [(3, 10), (1, 18)]
    assert _split(answers) == [list(range(2, 10)), list(range(10, 18)), list(range(8))]


def test_without_exclusions_the_search_goes_no_deeper_than_k():
    export = _Export(np.random.default_rng(0).standard_normal([2, _NUM_CANDIDATES]))
    _ask(export, row_lists.RowLists.empty(2), 8)
    assert export.depths == [(2, 8)]


def test_an_answer_is_short_where_no_more_may_be_answered_and_nothing_is_filled_in():
    scores = -np.tile(np.arange(_NUM_CANDIDATES, dtype=np.float64), [2, 1])
    genres = tf.constant([["few"], [""]])
    answers = _ask(_Export(scores), row_lists.RowLists.of([[0, 3], [1]]), 10, filter_genre=genres)
    assert _split(answers) == [[1, 2, 4, 5, 6], [0, *range(2, 11)]]
    assert answers.lengths.tolist() == [5, 10]


def test_who_excludes_everything_has_no_answer():
    answers = _ask(_Export(np.zeros([1, _NUM_CANDIDATES])), row_lists.RowLists.of([range(_NUM_CANDIDATES)]), 10)
    assert (answers.rows.tolist(), answers.lengths.tolist()) == ([], [0])
