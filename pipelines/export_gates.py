"""What an export has to pass before it is published; what served before keeps serving if it does not."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import tensorflow as tf

from pipelines import feeding, prepared_data
from serving import saved_model, signatures
from serving.index import candidate_index
from tfrs_model import ranking

_LOAD_TIMEOUT_SECONDS = 600


class ExportRefusedError(ValueError):
    """A gate was not passed; nothing was published, and what served before keeps serving."""


def measure_index_recall(
    index: candidate_index.CandidateIndex, query_embeddings: np.ndarray, candidate_embeddings: np.ndarray, k: int
) -> float:
    """Returns the share of the exact top k that the index finds, averaged over the queries."""
    num_queries = len(query_embeddings)
    exact = ranking.rank_corpus(
        query_embeddings,
        candidate_embeddings,
        target_rows=np.zeros([num_queries], np.int64),
        excluded_rows=np.zeros([0], np.int64),
        excluded_splits=np.zeros([num_queries + 1], np.int64),
        k=k,
    )
    rows, _ = index.search_rows(tf.constant(query_embeddings), k)
    found = [np.isin(mine, theirs).mean() for mine, theirs in zip(exact.top_rows, rows.numpy(), strict=True)]
    return float(np.mean(found))


def require_enough_candidates(k: int, data: prepared_data.PreparedData) -> None:
    """Refuses a k that no answer could fill."""
    if k > data.corpus.num_rows:
        raise ExportRefusedError(
            f"--k={k} asks for more candidates than the corpus of {data.paths.directory} holds "
            f"({data.corpus.num_rows}); lower --k."
        )


def require_index_recall(recall: float, floor: float, k: int, num_queries: int) -> None:
    """Refuses an index that misses too much of the exact answer."""
    if recall < floor:
        raise ExportRefusedError(
            f"index_recall_at_{k} is {recall:.3f}, below the floor {floor:.3f}, on "
            f"{num_queries} training queries. Nothing was published and the previous model_version keeps serving. "
            "Export with --index=brute_force, or lower --min_index_recall."
        )


def require_loadable(export: pathlib.Path, inputs: dict[str, tf.Tensor], served: saved_model.ServedRecommender) -> None:
    """Loads the export in a fresh process through TensorFlow's C API, the loader of TensorFlow Serving, and asks it."""
    as_json = json.dumps(feeding.as_json(inputs))
    command = [sys.executable, "-m", "serving.c_api_loader", f"--c_api_model_dir={export}", f"--c_api_inputs={as_json}"]
    if served.index.needs_scann_ops:
        command.append("--c_api_op_library=scann")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_TIMEOUT_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()[-500:]
        raise ExportRefusedError(
            "The export does not load and run through TensorFlow's C API, so no server could serve it; nothing was "
            f"published and the previous model_version keeps serving. The loader said: {said}"
        ) from error
    loaded = json.loads(answer.stdout)[signatures.CANDIDATE_IDS]
    expected = feeding.as_json(served.recommend(inputs))[signatures.CANDIDATE_IDS]
    if loaded != expected:
        raise ExportRefusedError(
            f"The export answers {loaded[0][:3]} through TensorFlow's C API where this process answers "
            f"{expected[0][:3]}; nothing was published and the previous model_version keeps serving. Run tfrs-doctor."
        )
