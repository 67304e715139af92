"""A few queries of a split as a reader would look at them: what they chose, what the model answers, what came."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipelines import offline_evaluation, prepared_data
from tfrs_model import schema as schema_lib

NUM_QUERIES = 6
_NUM_HISTORY_SHOWN = 20


def ask(
    data: prepared_data.PreparedData, split: str, embedder: offline_evaluation.Embedder, corpus: np.ndarray
) -> list[dict]:
    """Returns questions and answers as JSON objects, the shortest history first. They hold personal data.

    Args:
      data: whose queries are asked.
      split: of the held-out interactions.
      embedder: of the model that answers.
      corpus: `[num_candidates, embedding_dim]` of the same model.
    """
    questions = offline_evaluation.held_out(data, split)
    questions = questions.take(choose(questions.examples))
    queries = embedder.queries(questions.examples)
    ranked = questions.rank(queries, corpus)
    answers = []
    for place, query in enumerate(queries):
        rows = ranked.top_rows[place][ranked.top_rows[place] >= 0]
        rank = int(ranked.target_ranks[place])
        answers.append(_answer(data, questions.examples.take(np.array([place])), rank, rows, corpus[rows] @ query))
    return answers


def choose(examples: prepared_data.Examples, num_queries: int = NUM_QUERIES) -> np.ndarray:
    """Returns positions of examples of different queries, evenly spaced from the shortest history to the longest."""
    _, first = np.unique(examples.query_rows, return_index=True)
    lengths = (examples.history_end - examples.history_begin)[first]
    order = first[np.argsort(lengths, kind="stable")]
    if len(order) <= num_queries:
        return order
    return order[np.linspace(0, len(order) - 1, num_queries).astype(np.int64)]


def _answer(
    data: prepared_data.PreparedData, example: prepared_data.Examples, rank: int, rows: np.ndarray, scores: np.ndarray
) -> dict:
    """Returns one question and what answers it, `rows` with their `scores`."""
    history = example.sequence[example.history_begin[0] : example.history_end[0]]
    target = int(example.candidate_rows[0])
    return {
        **_query(data, int(example.query_rows[0])),
        "num_history": len(history),
        "history": _named(data, history[-_NUM_HISTORY_SHOWN:]),
        "held_out": {**_named(data, np.array([target]))[0], "rank": rank},
        "recommendations": [
            {**named, "score": float(score), "is_held_out": int(row) == target}
            for named, score, row in zip(_named(data, rows), scores, rows, strict=True)
        ],
    }


def _query(data: prepared_data.PreparedData, row: int) -> dict:
    values: Mapping = data.queries.slice(row, 1).to_pylist()[0]
    names = [each.name for each in data.schema.query_features]
    return {
        "query_id": values[schema_lib.QUERY_ID],
        "features": {name: values[name] for name in names if values.get(name) not in (None, [], "")},
    }


def _named(data: prepared_data.PreparedData, rows: np.ndarray) -> list[dict]:
    """Returns id and title of candidates."""
    columns = [name for name in (schema_lib.CANDIDATE_ID, "title") if name in data.corpus.column_names]
    return [{"title": None, **each} for each in data.corpus.select(columns).take(pa.array(rows)).to_pylist()]
