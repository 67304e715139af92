"""Asks an export the questions of a split, and says what its index loses against the exact ranking."""

import os

import numpy as np
import tensorflow as tf

from pipelines import feeding, job, offline_evaluation, prepared_data, progress
from serving import manifest, saved_model, signatures
from tfrs_model import ranking, row_lists
from tfrs_model.diagnostics import rank_agreement
from tfrs_model.metrics import relevance, target_ranks

_BATCH_SIZE = 64
_ACCURACY = ("recall", "ndcg")


def index_loss(
    model_dir: str | os.PathLike[str],
    data: prepared_data.PreparedData,
    feeder: feeding.Feeder,
    questions: offline_evaluation.Questions,
    ranked: ranking.Ranking,
) -> dict:
    """Returns recall and NDCG of an export's answers beside those of the exact ranking of the same questions.

    Args:
      model_dir: the folder of a version.
      data: what the questions are from.
      feeder: gathers the raw inputs of the model that was exported.
      questions: what is asked, each with its exclusions.
      ranked: the exact ranking by the model that was exported.

    Returns:
      A JSON object: `index`, and for each metric `exact`, `served` and `loss`, the first less the second.

    Raises:
      ManifestError: if the folder is not as its manifest says.
    """
    k = ranked.top_rows.shape[1]
    top_rows = _ask(model_dir, data, feeder, questions, k)
    exact, served = (
        target_ranks.in_answers(rows, questions.target_rows, questions.target_splits)
        for rows in (ranked.top_rows, top_rows)
    )
    figures = [relevance.summarize(relevance.measure(each, [k], _ACCURACY)) for each in (exact, served)]
    return {
        "index": manifest.read_manifest(model_dir)["index"],
        f"index_recall_at_{k}": index_recall(ranked.top_rows, top_rows),
        **{
            name: {"exact": figures[0][name], "served": figures[1][name], "loss": figures[0][name] - figures[1][name]}
            for name in figures[0]
        },
    }


def require_export_of(model_dir: str | os.PathLike[str], model_stamp: str) -> None:
    """Checks that a version was exported from a model.

    Raises:
      ConfigError: if it was not.
      ManifestError: if it has no readable manifest.
    """
    if manifest.read_manifest(model_dir).get("model_stamp") != model_stamp:
        raise job.ConfigError(
            f"--version_dir must be an export of the model in --model_dir, but {os.fspath(model_dir)} is of another "
            "one; name the version that was exported from it."
        )


def index_recall(exact: np.ndarray, served: np.ndarray) -> float:
    """Returns the share of the exact answers that are served; rows `[num_questions, k]`, -1 is no candidate."""
    return float(np.sum(rank_agreement.shared(exact, served)) / max(1, np.sum(exact >= 0)))


def _ask(
    model_dir: str | os.PathLike[str],
    data: prepared_data.PreparedData,
    feeder: feeding.Feeder,
    questions: offline_evaluation.Questions,
    k: int,
) -> np.ndarray:
    recommend = saved_model.load_saved_model(model_dir)[signatures.RECOMMEND]
    ids = data.candidate_ids
    rows = {candidate_id.encode(): row for row, candidate_id in enumerate(ids)}
    answers = [np.zeros([0, k], np.int64)]
    begin, num_questions = 0, len(questions.examples)
    with progress.progress_bar(num_questions, "Asking the export", "question") as bar:
        for inputs in feeder.query_batches(questions.examples, _BATCH_SIZE):
            excluded = questions.excluded[begin : begin + _BATCH_SIZE]
            answer = recommend(**inputs, exclude_candidate_ids=_texts(ids, excluded), k=[k])
            answers.append(_rows(answer, rows))
            begin += len(excluded)
            bar.update(len(excluded))
    return np.concatenate(answers)


def _texts(ids: np.ndarray, lists: row_lists.RowLists) -> tf.Tensor:
    """Returns `[num_lists, longest]` ids, filled with empty ones."""
    return tf.RaggedTensor.from_row_splits(ids[lists.rows].astype(str), lists.splits).to_tensor("")


def _rows(answer: dict[str, tf.Tensor], rows: dict[bytes, int]) -> np.ndarray:
    """Returns corpus rows; -1 where there is no candidate, or one that the prepared corpus does not hold."""
    found = answer[signatures.CANDIDATE_IDS].numpy()
    return np.array([[rows.get(each, -1) for each in ids] for ids in found], np.int64)
