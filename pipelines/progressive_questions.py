"""Asks a model for what came after it was trained: each interaction from a moment on, from the history before it.

This is progressive validation (Blum, Kalai and Langford, COLT 1999): every interaction is predicted once, by a model
that has not been trained on it, and then trained on. Of interactions that follow one another within a day, a later one
sees the earlier ones as history, as the queries of a server do that is told what was chosen a moment ago.

What is ranked is the prepared corpus as far as the model knows it: of a log without a candidate table that is what the
window and the day have, so that known candidates older than the window are in it only if the day chooses them.
"""

import dataclasses
import math
import os

import numpy as np

from pipelines import model_directory, offline_evaluation, prepared_data, progress
from pipelines.examples import Examples
from tfrs_model import ranking, row_lists

# Of a target that the model does not know: behind every cut-off, and worth nothing to the reciprocal rank.
MISSED_RANK = np.iinfo(np.int64).max // 2


@dataclasses.dataclass(frozen=True)
class ProgressiveQuestions(offline_evaluation.Questions):
    """One question for each interaction from a moment on.

    Attributes:
      examples: the interactions that are asked for, each with all that its query chose strictly before it.
      is_known: `[num_candidates]` whether the model knows the id of each corpus row; only these are ranked, and a
        question for another one is missed.
      is_known_query: `[num_questions]` whether the model knows the id of who asks.
      excluded_rows: corpus rows that must not be answered, question after question.
      excluded_splits: `[num_questions + 1]` bounds of each question's excluded rows.
      num_repeats: interactions left out because their query chose the same candidate before.
    """

    examples: Examples
    is_known: np.ndarray
    is_known_query: np.ndarray
    excluded_rows: np.ndarray
    excluded_splits: np.ndarray
    num_repeats: int

    @property
    def target_rows(self) -> np.ndarray:
        """`[num_questions]` corpus rows that are asked for, one each."""
        return self.examples.candidate_rows

    @property
    def target_splits(self) -> np.ndarray:
        """`[num_questions + 1]` bounds of each question's target."""
        return np.arange(len(self.examples) + 1)

    @property
    def counts(self) -> dict[str, int]:
        """What is asked and what is not, for a reader of the figures."""
        unknown = ~self.is_known[self.target_rows]
        return {
            "num_interactions": len(self.examples),
            "num_repeats_left_out": self.num_repeats,
            "num_of_unknown_candidates": int(unknown.sum()),
            "num_unknown_candidates": len(np.unique(self.target_rows[unknown])),
            "num_of_unknown_queries": int(np.sum(~self.is_known_query)),
            "num_unknown_queries": len(np.unique(self.examples.query_rows[~self.is_known_query])),
            "num_known_candidates": int(self.is_known.sum()),
        }

    def rank(
        self, queries: np.ndarray, corpus: np.ndarray, on_block: offline_evaluation.OnBlock = None
    ) -> ranking.Ranking:
        """Ranks the known part of the corpus for each question; see `Questions.rank`."""
        known_rows = np.flatnonzero(self.is_known)
        if not len(known_rows) or not len(queries):
            num_questions = len(self.examples)
            missed = np.full(num_questions, MISSED_RANK)
            return ranking.Ranking(missed, self.target_splits, np.zeros([num_questions, 0], np.int64))
        asks_for_known = self.is_known[self.target_rows]
        k = min(offline_evaluation.NUM_RECOMMENDED, len(known_rows))
        targets, excluded = self._among_known(self.targets), self._among_known(self.excluded)
        ranked = ranking.rank_by_embeddings(queries, corpus[known_rows], targets, excluded, k, on_block)
        ranks = np.full(len(self.examples), MISSED_RANK)
        ranks[asks_for_known] = ranked.target_ranks
        top_rows = np.where(ranked.top_rows < 0, -1, known_rows[ranked.top_rows])
        return ranking.Ranking(ranks, self.target_splits, top_rows)

    def _among_known(self, lists: row_lists.RowLists) -> row_lists.RowLists:
        """Returns the lists without unknown rows, as places among the known ones."""
        stays = self.is_known[lists.rows]
        places = np.cumsum(self.is_known) - 1
        lengths = np.bincount(lists.owners[stays], minlength=len(lists))
        return row_lists.RowLists(places[lists.rows[stays]], np.concatenate([[0], np.cumsum(lengths)]))


def questions_since(
    data: prepared_data.PreparedData,
    begin_microseconds: int,
    model_dir: str | os.PathLike[str],
    asks_again: bool = False,
) -> ProgressiveQuestions:
    """Returns the questions of a moment and after, as a model is asked them.

    Args:
      data: prepared with `--split=none`, so that each interaction sees all that its query chose before it.
      begin_microseconds: the first moment that is asked for, since 1970 UTC.
      model_dir: of the model, whose vocabularies say which ids it knows.
      asks_again: whether it is also asked for what the query chose before, with nothing excluded; else such
        interactions are left out and counted, and what the query chose before is no answer.

    Raises:
      PreparedDataError, ModelDirectoryError: if the data or the model cannot be read.
    """
    rows = np.flatnonzero(data.examples("train").timestamps >= begin_microseconds)
    return questions_of(data, rows, model_dir, asks_again)


def sample_before(
    data: prepared_data.PreparedData, end_microseconds: int, length_microseconds: int, num_questions: int
) -> np.ndarray:
    """Returns training examples of the last stretch of time before a moment that has any, at most so many.

    Where there are more they are every second, third and so on in the order of time, so that no hour has more of them
    than its share.

    Args:
      data: prepared with `--split=none`.
      end_microseconds: the moment, since 1970 UTC.
      length_microseconds: how far back from the last interaction before it they reach.
      num_questions: how many there are at most, >= 0.

    Returns:
      `[num_sampled]` positions, ascending.
    """
    timestamps = data.examples("train").timestamps
    earlier = np.flatnonzero(timestamps < end_microseconds)
    if not len(earlier) or not num_questions:
        return np.zeros(0, np.int64)
    last = earlier[timestamps[earlier] > timestamps[earlier].max() - length_microseconds]
    in_time = last[np.argsort(timestamps[last], kind="stable")]
    return np.sort(in_time[:: math.ceil(len(in_time) / num_questions)])


def questions_of(
    data: prepared_data.PreparedData, rows: np.ndarray, model_dir: str | os.PathLike[str], asks_again: bool = False
) -> ProgressiveQuestions:
    """Returns the questions of some training examples, as a model is asked them; see `questions_since`.

    Args:
      data: prepared with `--split=none`.
      rows: `[num_examples]` positions.
      model_dir: of the model.
      asks_again: whether it is also asked for what the query chose before.
    """
    inputs = prepared_data.read_model_inputs(model_directory.ModelPaths(model_dir).description)
    examples = data.examples("train").take(rows)
    num_all = len(examples)
    excluded = row_lists.RowLists.empty(num_all)
    if not asks_again:
        examples, excluded = _without_repeats(examples)
    query_ids = np.array(data.queries["query_id"].to_pylist(), dtype=object)
    return ProgressiveQuestions(
        examples=examples,
        is_known=_is_among(data.candidate_ids, inputs.candidate_ids),
        is_known_query=_is_among(query_ids, inputs.query_ids)[examples.query_rows],
        excluded_rows=excluded.rows,
        excluded_splits=excluded.splits,
        num_repeats=num_all - len(examples),
    )


def counts_before(data: prepared_data.PreparedData, end_microseconds: int) -> np.ndarray:
    """Returns `[num_candidates]` int64 interactions of each corpus row before a moment."""
    examples = data.examples("train")
    rows = examples.candidate_rows[examples.timestamps < end_microseconds]
    return np.bincount(rows, minlength=data.corpus.num_rows)


def rank_by_model(
    questions: ProgressiveQuestions, model_dir: str | os.PathLike[str], data: prepared_data.PreparedData
) -> ranking.Ranking:
    """Returns where the targets stand in the answers of a model.

    Args:
      questions: of the data.
      model_dir: of the model that is asked, at its best towers.
      data: that the questions are of.
    """
    checkpoint_name = model_directory.best_checkpoint_name(model_dir)
    embedder = offline_evaluation.Embedder.of_directory(model_dir, checkpoint_name, data)
    with progress.progress_bar(len(questions.examples), "Ranking", "question") as bar:
        return offline_evaluation.rank_model(embedder, questions, bar.update)


def _without_repeats(examples: Examples) -> tuple[Examples, row_lists.RowLists]:
    """Returns the examples whose candidate their query had not chosen before, and what each had."""
    chosen = row_lists.RowLists.of_slices(examples.sequence, examples.history_begin, examples.history_end)
    repeats = np.unique(chosen.owners[examples.candidate_rows[chosen.owners] == chosen.rows])
    stays = np.setdiff1d(np.arange(len(examples)), repeats)
    return examples.take(stays), chosen.take(stays)


def _is_among(ids: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
    known_ids = frozenset(known)
    return np.fromiter((each in known_ids for each in ids), bool, len(ids))
