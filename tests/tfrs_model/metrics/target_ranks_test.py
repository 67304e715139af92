import numpy as np
import pytest

from tfrs_model import metrics
from tfrs_model.metrics import target_ranks


def _ragged(lists):
    """Returns lists of rows, one for each question, as rows and bounds."""
    rows = np.array([row for each in lists for row in each], np.int64)
    return rows, np.cumsum([0, *(len(each) for each in lists)])


def test_targets_are_found_in_answers_by_hand():
    found = target_ranks.in_answers(np.array([[4, 9, 1, 7], [0, 2, 3, 5]]), *_ragged([[1, 4, 6], [2]]))
    # By growing row: 1 on rank 3, 4 on rank 1, 6 beyond the depth of 4; then 2 on rank 2.
    assert found.ranks[[0, 1, 3]].tolist() == [3, 1, 2]
    assert found.ranks[2] > 4
    assert found.splits.tolist() == [0, 3, 4]
    assert found.depth == 4


@pytest.mark.parametrize("seed", range(5))
def test_targets_in_answers_are_those_of_a_loop(seed):
    generator = np.random.default_rng(seed)
    top_rows = np.stack([generator.permutation(60)[:30] for _ in range(200)])
    top_rows[generator.random(200) < 0.1, 20:] = -1
    targets = [generator.integers(60, size=generator.integers(1, 40)).tolist() for _ in top_rows]
    found = target_ranks.in_answers(top_rows, *_ragged(targets))
    for i, answer in enumerate(top_rows.tolist()):
        expected = [answer.index(row) + 1 for row in sorted(set(targets[i])) if row in answer]
        ranks = found.ranks[found.splits[i] : found.splits[i + 1]]
        assert ranks[ranks <= 30].tolist() == expected
        assert len(ranks) == len(set(targets[i]))


def test_a_target_given_twice_counts_once():
    twice = target_ranks.in_answers(np.array([[5, 1, 2], [7, 8, 9]]), *_ragged([[1, 3, 1], [7, 7, 7]]))
    assert twice.num_targets.tolist() == [2, 1]


def test_no_candidate_is_no_target():
    found = target_ranks.in_answers(np.array([[0, -1, -1], [-1, -1, -1]]), *_ragged([[0, 1], [0]]))
    assert (found.ranks <= 3).tolist() == [True, False, False]
    with pytest.raises(metrics.MetricsError, match="Targets are corpus rows from 0 on, but one is -1; leave it out"):
        target_ranks.in_answers(np.array([[0, -1]]), *_ragged([[-1]]))


@pytest.mark.parametrize("shape", [(0, 5), (0, 0)])
def test_no_questions_have_no_ranks(shape):
    found = target_ranks.in_answers(np.zeros(shape, np.int64), *_ragged([]))
    assert found.num_questions == len(found.ranks) == 0


def test_every_target_knows_its_question_and_the_best_rank_comes_first():
    ranks = metrics.TargetRanks([9, 2, 5, 4, 1], [0, 3, 5])
    assert ranks.owners.tolist() == [0, 0, 0, 1, 1]
    assert ranks.ranks[ranks.order].tolist() == [2, 5, 9, 1, 4]


@pytest.mark.parametrize(
    ("ranks", "splits", "sentence"),
    [
        ([1, 2], [0, 1, 1, 2], "Every question must have a target, but 1 have none; leave them out"),
        ([1, 2], [0, 1], "must grow from 0 to the 2 targets"),
        ([1, 2], [1, 2], "must grow from 0 to the 2 targets"),
        ([1, 2, 3], [0, 2, 1, 3], "must grow from 0 to the 3 targets"),
        ([], [], "give one more bound than there are questions"),
        ([0, 1], [0, 2], "Ranks begin with 1 at the top, but the lowest is 0; add 1 to indices"),
        ([3, 1, 3, 3], [0, 3, 4], "different ranks, but 1 repeat another's; give each target once"),
    ],
)
def test_ranks_that_cannot_be_are_refused(ranks, splits, sentence):
    with pytest.raises(metrics.MetricsError, match=sentence):
        metrics.TargetRanks(np.array(ranks, np.int64), np.array(splits, np.int64))


def test_different_questions_may_have_the_same_rank():
    assert metrics.TargetRanks([3, 3], [0, 1, 2]).num_questions == 2


def test_a_question_without_a_target_is_refused():
    with pytest.raises(
        metrics.MetricsError, match="Every question must have a target, but 1 have none; leave them out"
    ):
        target_ranks.in_answers(np.array([[0], [1]]), *_ragged([[0], []]))
