"""A synthetic interaction log of any length, in blocks: skewed candidates, and one query with a twentieth of it all."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# What 20 million interactions are spread over; a shorter log has as many interactions for each.
_INTERACTIONS_OF_A_QUERY = 20
_INTERACTIONS_OF_A_CANDIDATE = 100
# One query in twenty rows: a crawler, or a machine that many share.
_INTERACTIONS_OF_THE_LARGEST_QUERY = 20
_ZIPF_EXPONENT = 1.0
_ROWS_OF_A_BLOCK = 1_000_000
_FIRST_SECOND = 1_700_000_000
_SECONDS = 30 * 86_400


def write_log(path: pathlib.Path, num_interactions: int, seed: int = 0) -> dict[str, int]:
    """Writes Parquet columns `query_id`, `candidate_id` (text) and `timestamp` (seconds), in order of time.

    With N interactions there are N / 20 queries, of which the first makes N / 20 of all interactions and the rest
    make as many each on average; and N / 100 candidates, of which the r-th is chosen in proportion to 1 / r.

    Args:
      path: the file to write.
      num_interactions: at least 100.
      seed: of every draw.

    Returns:
      How many queries and candidates the rows are drawn from.
    """
    num_queries = num_interactions // _INTERACTIONS_OF_A_QUERY
    num_candidates = num_interactions // _INTERACTIONS_OF_A_CANDIDATE
    shares = np.cumsum(np.arange(1, num_candidates + 1, dtype=np.float64) ** -_ZIPF_EXPONENT)
    generator = np.random.default_rng(seed)
    schema = pa.schema({"query_id": pa.string(), "candidate_id": pa.string(), "timestamp": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, num_interactions, _ROWS_OF_A_BLOCK):
            rows = np.arange(first, min(first + _ROWS_OF_A_BLOCK, num_interactions))
            queries = generator.integers(1, num_queries, len(rows))
            queries[generator.random(len(rows)) < 1 / _INTERACTIONS_OF_THE_LARGEST_QUERY] = 0
            candidates = np.searchsorted(shares, generator.random(len(rows)) * shares[-1], side="right")
            seconds = _FIRST_SECOND + rows * _SECONDS // num_interactions
            writer.write_table(pa.table([_ids("q", queries), _ids("c", candidates), seconds], schema=schema))
    return {"queries": num_queries, "candidates": num_candidates}


def _ids(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pa.array(np.char.add(prefix, numbers.astype(str)), pa.string())
