"""What a model is on the interactions of a day, as its gates ask it."""

import dataclasses
import os

import numpy as np

from pipelines import encoding, feeding, model_directory, offline_evaluation, prepared_data, progress
from tfrs_model import metrics, ranking, weight_health
from tfrs_model.metrics import relevance

K = 20
_METRIC = "recall"


@dataclasses.dataclass(frozen=True)
class ModelFigures:
    """What is told of a model.

    Attributes:
      not_finite: how many numbers of each weight of the towers are NaN or infinite, where any.
      recall: `[num_questions]` recall@20 of each question; `None` where a weight is not finite, as such a model
        ranks nothing.
      mean_candidate_length: of the embeddings of the corpus; `None` likewise.
      recall_before: `[num_questions_before]` recall@20 of questions of the time before; `None` where none are asked.
    """

    not_finite: dict[str, int]
    recall: np.ndarray | None
    mean_candidate_length: float | None
    recall_before: np.ndarray | None = None

    def split(self, is_before: np.ndarray) -> "ModelFigures":
        """Returns the figures with those questions apart that are of the time before, `[num_questions]` bool."""
        if self.recall is None or not is_before.any():
            return self
        return dataclasses.replace(self, recall=self.recall[~is_before], recall_before=self.recall[is_before])


def measure(
    model_dir: str | os.PathLike[str],
    checkpoint_name: str,
    data: prepared_data.PreparedData,
    questions: offline_evaluation.Questions,
) -> ModelFigures:
    """Returns the figures of the best towers of a model directory.

    Args:
      model_dir: directory that training wrote.
      checkpoint_name: what `model_directory.best_checkpoint_name` returned.
      data: prepared data of the day; the model may have been trained on other data, with another vocabulary.
      questions: of the day's interactions.
    """
    model = model_directory.restore_model(model_dir, checkpoint_name)
    not_finite = weight_health.count_not_finite((*model.query_tower.weights, *model.candidate_tower.weights))
    if not_finite:
        return ModelFigures(not_finite, None, None)
    feeder = feeding.Feeder.for_model(data, model_directory.read_description(model_dir).config)
    embedder = offline_evaluation.Embedder(model, feeder)
    queries, corpus = encoding.encode(embedder, data, questions.examples)
    with progress.progress_bar(len(queries), "Ranking", "question") as bar:
        ranked = questions.rank(queries, corpus, bar.update)
    return ModelFigures({}, recall_of(ranked), float(np.linalg.norm(corpus, axis=1).mean()))


def recall_of(ranked: ranking.Ranking) -> np.ndarray:
    """Returns recall@20 of each question, `[num_questions]`."""
    found = metrics.TargetRanks(ranked.target_ranks, ranked.target_splits)
    return relevance.measure(found, (K,), (_METRIC,))[f"{_METRIC}_at_{K}"]
