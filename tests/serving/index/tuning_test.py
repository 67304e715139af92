"""Planted: how many leaves must be read is known beforehand."""

import numpy as np
import pytest
import tensorflow as tf

from serving.index import brute_force, candidate_index, tuning
from tests.serving.index import corpora

_NUM_LEAVES = 100
_MOST_REORDERED = 50
_VALUES = np.array([[5.0], [4.0], [3.0], [2.0], [1.0]], np.float32)


class _PlantedIndex(candidate_index.CandidateIndex):
    """Of four asked for, finds one after 3 leaves, another after 10, a third after 37, and the last never.

    Where it reorders, the first is found after 5 candidates, the others after 20.
    """

    def __init__(self, reorders=False):
        # Backwards, so that rows of the index and of the corpus are not the same.
        super().__init__(["a", "b", "c", "d", "e"], _VALUES, "planted", np.arange(5)[::-1])
        self.read = 1
        self.reordered = _MOST_REORDERED
        self.looks = 0
        self._reorders = reorders

    parameters = {}
    needs_scann_ops = False
    vectors = tf.constant(_VALUES[::-1])

    @property
    def efforts(self):
        leaves = candidate_index.Effort("leaves", 1, _NUM_LEAVES, self.search_leaves, 4, lambda: self.read)
        reordered = candidate_index.Effort("reordered", 1, _MOST_REORDERED, self.reorder, 4, lambda: self.reordered)
        return (leaves, reordered) if self._reorders else (leaves,)

    def search_leaves(self, num_leaves_to_search):
        assert 1 <= num_leaves_to_search <= _NUM_LEAVES
        self.read = num_leaves_to_search
        self.looks += 1

    def reorder(self, num_candidates):
        assert 1 <= num_candidates <= _MOST_REORDERED
        self.reordered = num_candidates
        self.looks += 1

    def search_rows(self, query_embeddings, num_rows):
        needed = ((3, 5), (10, 20), (37, 20))
        found = [
            4 - candidate
            for candidate, (leaves, reordered) in enumerate(needed)
            if self.read >= leaves and self.reordered >= reordered
        ]
        rows = tf.constant([[*found, *[-1] * (4 - len(found))][:num_rows]])
        rows = tf.repeat(rows, tf.shape(query_embeddings)[0], axis=0)
        return rows, tf.zeros(tf.shape(rows))


# More than are asked at once, so that parts of different lengths are averaged.
_QUERIES = np.ones([300, 1], np.float32)
_EXACT = np.tile(np.arange(4), [300, 1])


def _exact(queries, k):
    return _EXACT[: len(queries), :k]


@pytest.mark.parametrize(("read", "recall"), [(1, 0.0), (3, 0.25), (10, 0.5), (36, 0.5), (100, 0.75)])
def test_recall_is_the_share_of_the_exact_answer_in_rows_of_the_corpus(read, recall):
    index = _PlantedIndex()
    index.search_leaves(read)
    assert tuning.index_recall(index, _QUERIES, _EXACT) == recall


def test_recall_is_averaged_over_queries_of_which_the_last_block_is_short():
    # Only the last query likes what is found, candidate 0 after 3 leaves; the others would have candidate 4.
    queries, exact = -_QUERIES, np.full([300, 1], 4)
    queries[-1], exact[-1] = 1.0, 0
    index = _PlantedIndex()
    index.search_leaves(3)
    assert tuning.index_recall(index, queries, exact) == pytest.approx(1 / 300)


def test_of_equal_candidates_any_is_as_right_as_the_other():
    index = brute_force.BruteForceIndex(["a", "b", "c"], np.array([[1.0], [1.0], [0.5]], np.float32))
    assert tuning.index_recall(index, np.ones([1, 1], np.float32), np.array([[1]])) == 1.0
    assert tuning.index_recall(index, -np.ones([1, 1], np.float32), np.array([[2]])) == 1.0
    assert tuning.index_recall(index, -np.ones([1, 1], np.float32), np.array([[2, 1]])) == 1.0


class _DeepIndex(_PlantedIndex):
    """Has a setting for answers of 5 too, of which it finds one for each 20; says what it was asked."""

    def __init__(self):
        super().__init__()
        self.deep = 1
        self.asked = []

    @property
    def efforts(self):
        return (*super().efforts, candidate_index.Effort("deep", 1, 100, self.search_deep, 5, lambda: self.deep))

    def search_deep(self, value):
        self.deep = value

    def search_rows(self, query_embeddings, num_rows):
        if num_rows < 5:
            return super().search_rows(query_embeddings, num_rows)
        self.asked.append((len(query_embeddings), self.deep))
        found = [4 - candidate for candidate in range(5) if self.deep >= 20 * (candidate + 1)]
        rows = tf.repeat(tf.constant([[*found, *[-1] * (5 - len(found))]]), len(query_embeddings), axis=0)
        return rows, tf.zeros(tf.shape(rows))


def test_deeper_answers_aim_higher_and_are_tuned_on_fewer_queries():
    index, ranked = _DeepIndex(), []

    def exact(queries, k):
        ranked.append((len(queries), k))
        return np.tile(np.arange(k), [len(queries), 1])

    # At depth 4 the target is .75; at depth 5 it is .75 + .6 x .25 = .9, for which all five are needed.
    assert tuning.tune(index, _QUERIES, 4, exact, 0.75) == 0.75
    assert index.read in (37, 38)
    assert 100 - 100 // 32 <= index.deep <= 100
    assert ranked == [(300, 4), (128, 5)]
    assert {count for count, _ in index.asked} == {128}


@pytest.mark.parametrize(
    ("target", "fewest", "recall"), [(0.0, 1, 0.0), (0.2, 3, 0.25), (0.25, 3, 0.25), (0.4, 10, 0.5), (0.75, 37, 0.75)]
)
def test_the_fewest_leaves_that_reach_the_target_are_set(target, fewest, recall):
    index = _PlantedIndex()
    assert tuning.tune(index, _QUERIES, 4, _exact, target) == recall
    # Beyond 32 leaves one more or less is not looked for.
    assert fewest <= index.read <= fewest + fewest // 32
    assert index.looks < 16


def test_where_the_target_is_never_reached_what_finds_the_most_is_set():
    index = _PlantedIndex()
    assert tuning.tune(index, _QUERIES, 4, _exact, 0.8) == 0.75
    # And not all leaves, of which most would find nothing.
    assert index.read in (37, 38)


@pytest.mark.parametrize(
    ("target", "leaves", "reordered", "recall"), [(0.2, 10, 5, 0.25), (0.25, 10, 5, 0.25), (0.5, 37, 20, 0.75)]
)
def test_settings_are_tuned_in_turn_and_the_first_aims_higher(target, leaves, reordered, recall):
    index = _PlantedIndex(reorders=True)
    assert tuning.tune(index, _QUERIES, 4, _exact, target) == recall
    assert (index.read, index.reordered) == (leaves, reordered)


def test_where_the_higher_aim_is_out_of_reach_the_target_counts():
    index = _PlantedIndex(reorders=True)
    assert tuning.tune(index, _QUERIES, 4, _exact, 0.75) == 0.75
    assert (index.read, index.reordered) == (37, 20)


@pytest.mark.parametrize("kind", corpora.COARSE)
def test_a_real_index_reaches_the_target_safely_with_the_fewest_leaves(kind):
    vectors, queries = corpora.adversarial(600), corpora.adversarial(100, seed=3)
    index = corpora.COARSE[kind](corpora.names(600), vectors)

    def rank(asked, k):
        return np.argsort(-(asked @ vectors.T), axis=1, kind="stable")[:, :k]

    exact = rank(queries, 10)

    def three_standard_errors_below_the_mean():
        each = [tuning.index_recall(index, queries[[row]], exact[[row]]) for row in range(100)]
        return np.mean(each) - 3.0 * np.std(each) / 10.0

    recall = tuning.tune(index, queries, 10, rank, 0.8)
    chosen = index.parameters["num_leaves_to_search"]
    assert recall == tuning.index_recall(index, queries, exact)
    # Or within .002 of what the last setting can. ScaNN searches a block of queries, as tuning asks, with another
    # kernel than one query, and may find one candidate of these thousand more or less.
    assert three_standard_errors_below_the_mean() >= 0.8 - 0.002
    assert 1 < chosen < index.num_leaves
    index.search_leaves(chosen - 1)
    assert three_standard_errors_below_the_mean() < 0.8 + 0.002


def test_an_index_without_leaves_stays_as_it_is():
    vectors = corpora.adversarial(50)
    index = brute_force.BruteForceIndex(corpora.names(50), vectors)
    queries = corpora.adversarial(7, seed=1)
    assert tuning.tune(index, queries, 3, lambda asked, k: np.argsort(-(asked @ vectors.T), axis=1)[:, :k], 0.9) == 1.0


def test_less_and_more_effort_than_was_chosen_find_what_was_planted():
    index = _PlantedIndex(reorders=True)
    index.search_leaves(12)
    found = tuning.trade_off(index, _QUERIES, _EXACT)
    # Planted: found are one of four after 3 leaves, two after 10, three after 37.
    assert [(each.value, each.recall) for each in found] == [
        *((1, 0.0), (3, 0.25), (6, 0.25), (12, 0.5), (24, 0.5), (48, 0.75), (96, 0.75)),
    ]
    assert [each.value for each in found if each.is_chosen] == [12]
    assert {each.name for each in found} == {"leaves"}
    assert found[3].share == pytest.approx(0.12)
    assert (index.read, index.reordered) == (12, _MOST_REORDERED)


def test_what_finds_everything_is_not_made_to_do_more():
    index = _PlantedIndex()
    index.search_leaves(12)
    found = tuning.trade_off(index, _QUERIES, _EXACT[:, :2])
    assert [each.value for each in found] == [1, 3, 6, 12]
    assert found[-1].recall == 1.0


def test_an_index_that_reads_everything_has_nothing_to_trade():
    index = brute_force.BruteForceIndex(["a", "b"], np.ones([2, 1], np.float32))
    assert tuning.trade_off(index, _QUERIES, _EXACT[:, :2]) == []
