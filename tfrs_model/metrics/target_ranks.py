"""Where the targets of each question stand in its answer."""

import dataclasses

import numpy as np

from tfrs_model.metrics.errors import MetricsError


@dataclasses.dataclass(frozen=True)
class TargetRanks:
    """The ranks of all targets, question after question.

    Whoever ranks resolves ties: a target stands behind every other candidate that scores the same,
    so that a constant model ranks its targets last, and no metric of ranks can flatter it.

    Attributes:
      ranks: `[num_targets]` int64, 1 is the top; those of one question differ.
      splits: `[num_questions + 1]` int64; question i has the ranks `ranks[splits[i]:splits[i + 1]]`, at least one.
      depth: ranks beyond it are not known but for being beyond; `None` if all are known.

    Raises:
      MetricsError: if the bounds do not fit the ranks, a question has no target, a rank is below 1 or two targets
        of a question have the same.
    """

    ranks: np.ndarray
    splits: np.ndarray
    depth: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranks", np.asarray(self.ranks, np.int64))
        object.__setattr__(self, "splits", np.asarray(self.splits, np.int64))
        _require_bounds(self.splits, len(self.ranks))
        if (lowest := self.ranks.min(initial=1)) < 1:
            raise MetricsError(f"Ranks begin with 1 at the top, but the lowest is {lowest}; add 1 to indices.")
        order = self.order
        is_repeated = (np.diff(self.ranks[order]) == 0) & (np.diff(self.owners[order]) == 0)
        if is_repeated.any():
            raise MetricsError(
                f"Targets of one question have different ranks, but {np.sum(is_repeated)} repeat another's; "
                "give each target once, and one of two that score the same the next rank."
            )

    @property
    def num_questions(self) -> int:
        """How many questions were asked."""
        return len(self.splits) - 1

    @property
    def num_targets(self) -> np.ndarray:
        """`[num_questions]` int64, how many targets each question has."""
        return np.diff(self.splits)

    @property
    def owners(self) -> np.ndarray:
        """`[num_targets]` int64, the question of each target."""
        return np.repeat(np.arange(self.num_questions), self.num_targets)

    @property
    def order(self) -> np.ndarray:
        """`[num_targets]` int64, places in `ranks`: question after question, from the best rank of each to the last."""
        return np.lexsort((self.ranks, self.owners))


def of_single_targets(ranks: np.ndarray) -> TargetRanks:
    """Returns the ranks `[num_questions]` of questions with one target each."""
    return TargetRanks(ranks, np.arange(len(ranks) + 1))


def in_answers(top_rows: np.ndarray, target_rows: np.ndarray, target_splits: np.ndarray) -> TargetRanks:
    """Returns where targets stand in answers that go no deeper than some candidates, such as those of an index.

    The targets {1, 4, 6} of the answer [4, 9, 1, 7] have the ranks 3, 1 and 5; the last says no more than
    that it is beyond the depth of 4.

    Args:
      top_rows: `[num_questions, depth]` corpus rows, best first, none twice for a question; -1 stands for no
        candidate.
      target_rows: `[num_targets]` corpus rows, question after question; one given twice for a question counts once.
      target_splits: `[num_questions + 1]` int64 bounds of each question's targets.

    Returns:
      The ranks of each question's different targets by growing row, with the depth of the answers.

    Raises:
      MetricsError: if a target is no corpus row, the bounds do not fit, or a question has no target.
    """
    _require_bounds(np.asarray(target_splits), len(target_rows))
    if np.min(target_rows, initial=0) < 0:
        raise MetricsError(f"Targets are corpus rows from 0 on, but one is {np.min(target_rows)}; leave it out.")
    num_questions, depth = top_rows.shape
    # One integer for each (question, row); row -1 becomes 0, which no target is.
    width = 2 + max(top_rows.max(initial=-1), np.max(target_rows, initial=-1))
    first = np.arange(num_questions, dtype=np.int64) * width
    targets = np.unique(np.repeat(first, np.diff(target_splits)) + target_rows + 1)
    owners = targets // width
    splits = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=num_questions))])
    ranks = depth + 1 + np.arange(len(targets)) - splits[owners]
    answers = (first[:, np.newaxis] + top_rows + 1).ravel()
    is_target = np.isin(answers, targets)
    ranks[np.searchsorted(targets, answers[is_target])] = 1 + np.nonzero(is_target)[0] % depth
    return TargetRanks(ranks, splits, depth)


def _require_bounds(splits: np.ndarray, num_targets: int) -> None:
    grows = splits.ndim == 1 and splits.size > 0 and np.all(np.diff(splits) >= 0)
    if not grows or splits[0] != 0 or splits[-1] != num_targets:
        raise MetricsError(
            f"The bounds of the questions must grow from 0 to the {num_targets} targets, but are {splits}; "
            "give one more bound than there are questions."
        )
    if not np.diff(splits).all():
        num_empty = np.sum(np.diff(splits) == 0)
        raise MetricsError(f"Every question must have a target, but {num_empty} have none; leave them out.")
