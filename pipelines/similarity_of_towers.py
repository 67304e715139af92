"""How a trained model's dot products and cosines compare, and how much of its similarities is arbitrary."""

import dataclasses
import os
import pathlib

import numpy as np

from pipelines import model_directory, offline_evaluation, prepared_data
from tfrs_model import ranking
from tfrs_model.diagnostics import cosines, diagonal_freedom, layer_norm, length_and_popularity, rank_agreement

_NUM_NEIGHBOURS = 10
# Neighbours and correlations are those of so many candidates and queries, evenly spaced, however many there are.
_MAX_ASKED = 1000
_SCORES_PER_BLOCK = 1 << 22


@dataclasses.dataclass(frozen=True)
class PlainEmbeddings:
    """What the towers of a model give before any division by a length.

    Attributes:
      name: of the model's directory.
      similarity: that the model was trained by.
      seed: of the training.
      queries: `[num_questions, embedding_dim]` float32 of the questions that are asked.
      corpus: `[num_candidates, embedding_dim]` float32.
    """

    name: str
    similarity: str
    seed: int
    queries: np.ndarray
    corpus: np.ndarray


def read_embeddings(
    model_dir: str | os.PathLike[str], data: prepared_data.PreparedData, questions: offline_evaluation.HeldOut
) -> PlainEmbeddings:
    """Encodes the questions and the corpus with the best towers of a model.

    Raises:
      ModelDirectoryError: if it cannot be read, or is of another schema.
    """
    description = model_directory.read_description(model_dir)
    model_directory.require_schema(model_dir, data)
    checkpoint_name = model_directory.best_checkpoint_name(model_dir)
    embedder = offline_evaluation.Embedder.of_directory(model_dir, checkpoint_name, data, "dot")
    return PlainEmbeddings(
        pathlib.Path(model_dir).name,
        description.config.similarity,
        description.seed,
        embedder.queries(questions.examples),
        embedder.corpus(),
    )


def analyze(
    embeddings: PlainEmbeddings,
    others: list[PlainEmbeddings],
    questions: offline_evaluation.HeldOut,
    counts: np.ndarray,
) -> dict:
    """Returns what is to be known about the similarities of one model, as an object for JSON.

    Args:
      embeddings: of the model.
      others: of models that differ from it.
      questions: what the embeddings of the queries were made for.
      counts: `[num_candidates]` training interactions; neighbours are asked among candidates that have some.
    """
    queries, corpus = embeddings.queries, embeddings.corpus
    dot, cosine = questions.rank(queries, corpus), _rank_by_cosine(questions, queries, corpus)
    normed = layer_norm.layer_norm(queries), layer_norm.layer_norm(corpus)
    correlations = _rank_correlations(queries, corpus)
    return {
        "model": embeddings.name,
        "similarity": embeddings.similarity,
        "seed": embeddings.seed,
        "num_questions": len(questions.examples),
        "recall_at_10": {
            "dot": _recall(questions, dot),
            "cosine": _recall(questions, cosine),
            "dot_after_layer_norm": _recall(questions, questions.rank(*normed)),
        },
        "dot_and_cosine": {
            "top_10_overlap": rank_agreement.top_overlap(dot.top_rows, cosine.top_rows),
            "mean_rank_correlation": float(np.nanmean(correlations)),
        },
        "length_and_popularity": {
            "rank_correlation": length_and_popularity.length_popularity_correlation(corpus, counts),
            "mean_length_by_decile": length_and_popularity.mean_length_by_decile(corpus, counts),
        },
        "under_random_scales": _under_scales(embeddings, questions, dot, cosine, counts),
        "neighbour_overlap_with": {
            f"{each.name} ({each.similarity}, seed {each.seed})": _neighbour_overlap(corpus, each.corpus, counts)
            for each in others
        },
        "neighbour_overlap_after_layer_norm": _neighbour_overlap(corpus, normed[1], counts),
    }


def _under_scales(
    embeddings: PlainEmbeddings,
    questions: offline_evaluation.HeldOut,
    dot: ranking.Ranking,
    cosine: ranking.Ranking,
    counts: np.ndarray,
) -> dict:
    """Returns what of answers and neighbours is left under scales that leave every dot product as it was."""
    (scales,) = diagonal_freedom.random_scales(embeddings.corpus.shape[1], 1, seed=0).astype(np.float32)
    queries, corpus = embeddings.queries * scales, embeddings.corpus / scales
    by_cosine = _rank_by_cosine(questions, queries, corpus)
    return {
        "dot_top_10_overlap": rank_agreement.top_overlap(questions.rank(queries, corpus).top_rows, dot.top_rows),
        "cosine_top_10_overlap": rank_agreement.top_overlap(by_cosine.top_rows, cosine.top_rows),
        "cosine_recall_at_10": _recall(questions, by_cosine),
        "neighbour_overlap": _neighbour_overlap(embeddings.corpus, corpus, counts),
    }


def _rank_by_cosine(questions: offline_evaluation.HeldOut, queries: np.ndarray, corpus: np.ndarray) -> ranking.Ranking:
    return questions.rank(cosines.unit_rows(queries), cosines.unit_rows(corpus))


def _recall(questions: offline_evaluation.HeldOut, ranked: ranking.Ranking) -> float:
    return questions.accuracy(ranked)["recall_at_10"]


def _neighbour_overlap(first: np.ndarray, second: np.ndarray, counts: np.ndarray) -> float:
    """Returns the share of nearest neighbours by cosine that two embeddings of the corpus have in common."""
    known = np.flatnonzero(counts > 0)
    asked = _evenly_spaced(len(known))
    found = [cosines.nearest_neighbours(each[known], _NUM_NEIGHBOURS, asked) for each in (first, second)]
    return rank_agreement.top_overlap(*found)


def _rank_correlations(queries: np.ndarray, corpus: np.ndarray) -> np.ndarray:
    """Returns Spearman's correlation of dot and cosine over the corpus for some of the queries."""
    asked, unit = queries[_evenly_spaced(len(queries))], cosines.unit_rows(corpus)
    size = max(1, _SCORES_PER_BLOCK // len(corpus))
    blocks = (asked[begin : begin + size] for begin in range(0, len(asked), size))
    return np.concatenate([rank_agreement.rank_correlations(each @ corpus.T, each @ unit.T) for each in blocks])


def _evenly_spaced(length: int) -> np.ndarray:
    return np.unique(np.linspace(0, length - 1, min(length, _MAX_ASKED)).astype(np.int64))
