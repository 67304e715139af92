"""Asks a model for held-out interactions over the full corpus, and says what the answers are worth.

There are two ways to ask. Per interaction, each is one question with one target, asked with all that
was visible strictly before it. Per query, as papers on fixed splits do, the corpus is ranked once from
what the query chose in earlier splits, and all that it chose in the split are targets.
"""

import abc
import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines import feeding, job, model_directory, prepared_data
from pipelines.artifacts import SPLITS
from tfrs_model import metrics, ranking, row_lists, two_tower
from tfrs_model.baselines import popularity
from tfrs_model.metrics import relevance

KS = (10, 20, 50, 100)
ASK_PER = ("interaction", "query")
_EMBEDDING_BATCH_SIZE = 1024
NUM_RECOMMENDED = 10
_ACCURACY = ("recall", "ndcg", "mrr")

OnBlock = Callable[[int], None] | None
_Embed = Callable[[dict[str, tf.Tensor]], tf.Tensor]


class Questions(abc.ABC):
    """What a split asks.

    Attributes:
      examples: what is known when each question is asked.
      target_rows: `[num_targets]` corpus rows that are asked for, question after question.
      target_splits: `[num_questions + 1]` bounds of each question's targets, of which it has one at least.
      excluded_rows: corpus rows that must not be answered, question after question.
      excluded_splits: `[num_questions + 1]` bounds of each question's excluded rows.
    """

    examples: prepared_data.Examples
    target_rows: np.ndarray
    target_splits: np.ndarray
    excluded_rows: np.ndarray
    excluded_splits: np.ndarray

    @property
    @abc.abstractmethod
    def counts(self) -> dict[str, int]:
        """What is asked and what is not, for a reader of the figures."""

    @property
    def targets(self) -> row_lists.RowLists:
        """What is asked for."""
        return row_lists.RowLists(self.target_rows, self.target_splits)

    @property
    def excluded(self) -> row_lists.RowLists:
        """What must not be answered."""
        return row_lists.RowLists(self.excluded_rows, self.excluded_splits)

    def rank(self, queries: np.ndarray, corpus: np.ndarray, on_block: OnBlock = None) -> ranking.Ranking:
        """Ranks the corpus for each question by the inner products of embeddings; `on_block` is told of those done."""
        k = min(NUM_RECOMMENDED, len(corpus))
        return ranking.rank_by_embeddings(queries, corpus, self.targets, self.excluded, k, on_block)

    @staticmethod
    def accuracy(ranked: ranking.Ranking, ks: Sequence[int] = KS) -> dict[str, float]:
        """Returns recall, NDCG and MRR, averages over questions."""
        found = metrics.TargetRanks(ranked.target_ranks, ranked.target_splits)
        return relevance.summarize(relevance.measure(found, ks, _ACCURACY))


@dataclasses.dataclass(frozen=True)
class HeldOut(Questions):
    """What a split asks: one question per interaction, and what must not be answered.

    Attributes:
      examples: the interactions that are asked for.
      excluded_rows: corpus rows that the query chose in an earlier split, example after example.
      excluded_splits: `[num_examples + 1]` bounds of each example's excluded rows.
      num_repeats: interactions left out because their candidate is itself excluded.
    """

    examples: prepared_data.Examples
    excluded_rows: np.ndarray
    excluded_splits: np.ndarray
    num_repeats: int

    def take(self, rows: np.ndarray) -> "HeldOut":
        """Returns the questions at these positions, each with its own exclusions."""
        excluded = self.excluded.take(rows)
        return HeldOut(self.examples.take(rows), excluded.rows, excluded.splits, self.num_repeats)

    @property
    def target_rows(self) -> np.ndarray:
        """`[num_examples]` corpus rows that are asked for, one each."""
        return self.examples.candidate_rows

    @property
    def target_splits(self) -> np.ndarray:
        """`[num_examples + 1]` bounds of each question's target."""
        return np.arange(len(self.examples) + 1)

    @property
    def counts(self) -> dict[str, int]:
        """What is asked and what is not, for a reader of the figures."""
        return {"num_interactions": len(self.examples), "num_repeats_left_out": self.num_repeats}


@dataclasses.dataclass(frozen=True)
class HeldOutQueries(Questions):
    """What a split asks: one question per query, whose targets are all that it chose anew in the split, or again.

    Attributes:
      examples: the first interaction of each query in the split, with the moment's features of that one; the
        history is all that the query chose in earlier splits, whenever that was.
      target_rows: different corpus rows that the query chose in the split, query after query.
      target_splits: `[num_queries + 1]` bounds of each query's targets, of which it has one at least.
      excluded_rows: corpus rows that the query chose in an earlier split, query after query; none where it is asked
        for what it chose again.
      excluded_splits: `[num_queries + 1]` bounds of each query's excluded rows.
      num_repeats: targets left out because they are excluded.
      num_new: targets left out because the query is asked for what it chose again.
      num_duplicates: interactions left out because the same query has the same candidate in the split already.
      num_queries_left_out: queries left out because none of their targets is left.
    """

    examples: prepared_data.Examples
    target_rows: np.ndarray
    target_splits: np.ndarray
    excluded_rows: np.ndarray
    excluded_splits: np.ndarray
    num_repeats: int
    num_new: int
    num_duplicates: int
    num_queries_left_out: int

    @property
    def counts(self) -> dict[str, int]:
        """What is asked and what is not, for a reader of the figures."""
        return {
            "num_queries": len(self.examples),
            "num_interactions": len(self.target_rows),
            "num_repeats_left_out": self.num_repeats,
            **({"num_new_left_out": self.num_new} if self.num_new else {}),
            "num_duplicates_left_out": self.num_duplicates,
            "num_queries_left_out": self.num_queries_left_out,
        }


def questions_of(data: prepared_data.PreparedData, split: str, ask_per: str) -> Questions:
    """Returns the questions of a split, asked in one of the ways of `ASK_PER`."""
    return {"interaction": held_out, "query": held_out_queries}[ask_per](data, split)


def require_ask_per(ask_per: str) -> None:
    """Checks the value of `--ask_per`.

    Raises:
      ConfigError: if it is none of `ASK_PER`.
    """
    if ask_per not in ASK_PER:
        raise job.ConfigError(f"--ask_per must be one of {', '.join(ASK_PER)}, but is {ask_per!r}.")


def require_questions(data: prepared_data.PreparedData, split: str, ask_per: str) -> Questions:
    """Returns the questions of a split, of which there must be some.

    Raises:
      PreparedDataError: if none is left to ask.
    """
    questions = questions_of(data, split, ask_per)
    if not len(questions.examples):
        raise prepared_data.PreparedDataError(
            f"Every {split} interaction of {data.paths.directory} repeats a candidate of an earlier split, so none is "
            "left to ask for; prepare the data with another split."
        )
    return questions


def held_out(data: prepared_data.PreparedData, split: str) -> HeldOut:
    """Returns the questions of a split, with the candidates of earlier splits excluded.

    An interaction with a candidate that the same query chose in an earlier split
    cannot be found among the others; such repeats are left out and counted.
    """
    examples = data.examples(split)
    seen_queries, seen_rows = data.seen_before(split)
    begin, end = (np.searchsorted(seen_queries, examples.query_rows, side) for side in ("left", "right"))
    excluded = row_lists.RowLists.of_slices(seen_rows, begin, end)
    repeats = np.unique(excluded.owners[examples.candidate_rows[excluded.owners] == excluded.rows])
    if repeats.size:
        keep = np.setdiff1d(np.arange(len(examples)), repeats)
        examples, excluded = examples.take(keep), excluded.take(keep)
    return HeldOut(examples, excluded.rows, excluded.splits, int(repeats.size))


def held_out_queries(data: prepared_data.PreparedData, split: str, asks_again: bool = False) -> HeldOutQueries:
    """Returns one question for each query of a split, for what it chose there for the first time, or again.

    Nothing of the split itself is visible but the features of the moment (`context_features`): they are
    those of the query's first interaction in it. A second interaction with the same target is left out and
    counted, and a query without any target left.

    Args:
      data: what was prepared.
      split: whose interactions are asked for.
      asks_again: whether the targets are what the query chose in earlier splits too, with nothing excluded from the
        answers; else they are what it had not chosen, and what it had is excluded. The others are left out and counted.
    """
    examples = data.examples(split)
    num_candidates = data.corpus.num_rows
    chosen = np.unique(examples.query_rows.astype(np.int64) * num_candidates + examples.candidate_rows)
    seen_queries, seen_rows = data.seen_before(split)
    is_repeat = np.isin(chosen, seen_queries.astype(np.int64) * num_candidates + seen_rows)
    targets = chosen[is_repeat == asks_again]
    queries, num_targets = np.unique(targets // num_candidates, return_counts=True)
    begin, end = (np.searchsorted(seen_queries, queries, side) for side in ("left", "right"))
    excluded = row_lists.RowLists.of_slices(seen_rows, begin, begin if asks_again else end)
    # What is visible is, row by row, what `seen_before` returns, with its moments.
    visible, positions = examples, {"history_begin": begin, "history_end": end, "own_position": end}
    if examples.own_position is None:
        earlier = [each for each in SPLITS[: SPLITS.index(split)] if data.has_split(each)]
        visible = data.examples(earlier[-1])
        del positions["own_position"]
    first = examples.take(np.searchsorted(examples.query_rows, queries))
    return HeldOutQueries(
        examples=dataclasses.replace(
            first,
            **{name: each.astype(examples.history_end.dtype) for name, each in positions.items()},
            sequence=visible.sequence,
            sequence_timestamps=visible.sequence_timestamps,
        ),
        target_rows=targets % num_candidates,
        target_splits=np.concatenate([[0], np.cumsum(num_targets)]),
        excluded_rows=excluded.rows,
        excluded_splits=excluded.splits,
        num_repeats=0 if asks_again else int(is_repeat.sum()),
        num_new=int(np.sum(~is_repeat)) if asks_again else 0,
        num_duplicates=len(examples) - len(chosen),
        num_queries_left_out=len(np.unique(examples.query_rows)) - len(queries),
    )


class Embedder:
    """Encodes interactions and the corpus with a model as it is at the moment of the call.

    Args:
      model: the model; its towers may be trained further between calls.
      feeder: gathers the raw inputs.
    """

    def __init__(self, model: two_tower.TwoTowerModel, feeder: feeding.Feeder):
        self._feeder = feeder
        # One graph for lists of any width, which differs by batch.
        self._embed_queries = tf.function(model.query_tower, reduce_retracing=True)
        self._embed_candidates = tf.function(model.candidate_tower, reduce_retracing=True)

    @classmethod
    def of_directory(
        cls,
        model_dir: str | os.PathLike[str],
        checkpoint_name: str,
        data: prepared_data.PreparedData,
        similarity: str | None = None,
    ) -> "Embedder":
        """Returns the embedder of the best towers of a model directory; for the arguments see `restore_model`."""
        model = model_directory.restore_model(model_dir, checkpoint_name, similarity)
        return cls(model, feeding.Feeder.for_model(data, model_directory.read_description(model_dir).config))

    def queries(self, examples: prepared_data.Examples, on_block: OnBlock = None) -> np.ndarray:
        """Returns `[num_examples, embedding_dim]` float32; `on_block` is told of those done."""
        return _embed(self._embed_queries, self._feeder.query_batches(examples, _EMBEDDING_BATCH_SIZE), on_block)

    def corpus(self, on_block: OnBlock = None) -> np.ndarray:
        """Returns `[num_candidates, embedding_dim]` float32, in corpus order; `on_block` is told of those done."""
        return _embed(self._embed_candidates, self._feeder.candidate_batches(_EMBEDDING_BATCH_SIZE), on_block)


def rank_model(embedder: Embedder, questions: Questions, on_block: OnBlock = None) -> ranking.Ranking:
    """Ranks the corpus by the model's plain score: no temperature, no correction."""
    return questions.rank(embedder.queries(questions.examples), embedder.corpus(), on_block)


def rank_by_popularity(questions: Questions, counts: np.ndarray) -> ranking.Ranking:
    """Ranks the corpus by training interactions, the same for everybody but for the exclusions."""
    fitted = popularity.SameForAll(counts)
    return questions.rank(fitted.embed_queries(questions.examples.states), fitted.candidate_embeddings)


def _embed(embed: _Embed, batches: tf.data.Dataset, on_block: OnBlock) -> np.ndarray:
    blocks = []
    for batch in batches:
        blocks.append(embed(batch).numpy())
        if on_block is not None:
            on_block(len(blocks[-1]))
    return np.concatenate(blocks)
