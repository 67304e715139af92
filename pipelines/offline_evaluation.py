"""Asks a model for held-out interactions over the full corpus, and says what the answers are worth."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from pipelines import feeding, prepared_data, progress
from tfrs_model import metrics, ranking, two_tower

KS = (10, 50, 100)
_EMBEDDING_BATCH_SIZE = 1024


@dataclasses.dataclass(frozen=True)
class HeldOut:
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
        excluded, splits = _slices(self.excluded_rows, self.excluded_splits[rows], self.excluded_splits[rows + 1])
        return HeldOut(self.examples.take(rows), excluded, splits, self.num_repeats)


def held_out(data: prepared_data.PreparedData, split: str) -> HeldOut:
    """Returns the questions of a split, with the candidates of earlier splits excluded.

    An interaction with a candidate that the same query chose in an earlier split
    cannot be found among the others; such repeats are left out and counted.
    """
    examples = data.examples(split)
    seen_queries, seen_rows = data.seen_before(split)
    begin = np.searchsorted(seen_queries, examples.query_rows, side="left")
    end = np.searchsorted(seen_queries, examples.query_rows, side="right")
    excluded, splits = _slices(seen_rows, begin, end)
    owners = np.repeat(np.arange(len(examples)), end - begin)
    repeats = np.unique(owners[examples.candidate_rows[owners] == excluded])
    if repeats.size:
        keep = np.setdiff1d(np.arange(len(examples)), repeats)
        examples = examples.take(keep)
        excluded, splits = _slices(seen_rows, begin[keep], end[keep])
    return HeldOut(examples, excluded, splits, int(repeats.size))


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

    def queries(self, examples: prepared_data.Examples) -> np.ndarray:
        """Returns `[num_examples, embedding_dim]` float32."""
        return _embed(self._embed_queries, self._feeder.query_batches(examples, _EMBEDDING_BATCH_SIZE))

    def corpus(self) -> np.ndarray:
        """Returns `[num_candidates, embedding_dim]` float32, in corpus order."""
        return _embed(self._embed_candidates, self._feeder.candidate_batches(_EMBEDDING_BATCH_SIZE))


def rank_model(embedder: Embedder, questions: HeldOut, show_progress: bool = False) -> ranking.Ranking:
    """Ranks the corpus by the model's plain score: no temperature, no correction."""
    return _rank(questions, embedder.queries(questions.examples), embedder.corpus(), show_progress)


def rank_by_popularity(questions: HeldOut, counts: np.ndarray) -> ranking.Ranking:
    """Ranks the corpus by training interactions, the same for everybody but for the exclusions."""
    ones = np.ones([len(questions.examples), 1], np.float32)
    return _rank(questions, ones, counts.astype(np.float32)[:, np.newaxis], show_progress=False)


def summarize(questions: HeldOut, ranked: ranking.Ranking, counts: np.ndarray, ks: Sequence[int] = KS) -> dict:
    """Returns accuracy, coverage and popularity bias of a ranking as a JSON object.

    Args:
      questions: what was asked.
      ranked: what was answered; its first 10 columns count as recommended.
      counts: `[num_candidates]` training interactions.
      ks: cut-offs of recall and NDCG.
    """
    recommended = ranked.top_rows[:, :10]
    targets = questions.examples.candidate_rows
    return {
        **metrics.summarize_ranks(ranked.ranks, ks),
        "coverage_at_10": metrics.coverage(recommended, len(counts)),
        "mean_popularity_at_10": metrics.mean_popularity(recommended, counts),
        "mean_popularity_of_targets": metrics.mean_popularity(targets, counts),
        "popularity_decile_shares_at_10": metrics.popularity_shares(recommended, counts),
        "popularity_decile_shares_of_targets": metrics.popularity_shares(targets, counts),
    }


def _rank(
    questions: HeldOut, query_embeddings: np.ndarray, candidate_embeddings: np.ndarray, show_progress: bool
) -> ranking.Ranking:
    def rank(on_block: Callable[[int], None] | None) -> ranking.Ranking:
        return ranking.rank_corpus(
            query_embeddings,
            candidate_embeddings,
            questions.examples.candidate_rows,
            questions.excluded_rows,
            questions.excluded_splits,
            k=min(10, len(candidate_embeddings)),
            on_block=on_block,
        )

    if not show_progress:
        return rank(None)
    with progress.progress_bar(len(questions.examples), "Ranking", "query") as bar:
        return rank(bar.update)


def _embed(embed: Callable[[dict[str, tf.Tensor]], tf.Tensor], batches: tf.data.Dataset) -> np.ndarray:
    return np.concatenate([embed(batch).numpy() for batch in batches])


def _slices(values: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns `values[begin[i]:end[i]]` of all i in one array, and the bounds of each in it."""
    lengths = end - begin
    splits = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(splits[-1]) - np.repeat(splits[:-1], lengths) + np.repeat(begin, lengths)
    return values[positions], splits
