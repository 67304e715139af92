"""Synthetic interaction logs of any length, in blocks: skewed candidates, and one query with a twentieth of it all."""

import pathlib
from collections.abc import Iterator

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
# A log of a given size is in as many files, each row of it uncompressed: three texts of 32 digits with their lengths,
# and two numbers.
_NUM_FILES = 8
_DIGITS = 32
_BYTES_OF_A_ROW = 3 * (4 + _DIGITS) + 2 * 8
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
    draws = _Draws(num_interactions, seed)
    schema = pa.schema({"query_id": pa.string(), "candidate_id": pa.string(), "timestamp": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for rows in _blocks(0, num_interactions):
            queries, candidates = draws.next(len(rows))
            seconds = _seconds(rows, num_interactions)
            writer.write_table(pa.table([_ids("q", queries), _ids("c", candidates), seconds], schema=schema))
    return {"queries": draws.num_queries, "candidates": draws.num_candidates}


def write_log_of_size(directory: pathlib.Path, num_bytes: int, seed: int = 0) -> dict[str, int]:
    """Writes several Parquet files of at least so many bytes together, with ids that hardly compress.

    Their columns are `query_id`, `candidate_id` (32 hexadecimal digits, a function of the number that `write_log`
    would write), `timestamp` (seconds), `weight` (in [0, 1)) and `note` (another 32 digits, which nothing needs). They
    are drawn as in `write_log`, and written without compression or dictionary.

    Args:
      directory: an existing empty directory.
      num_bytes: at least 100,000.
      seed: of every draw.

    Returns:
      How many interactions there are, and how many queries and candidates they are drawn from.
    """
    num_interactions = -(-num_bytes // _BYTES_OF_A_ROW)
    draws = _Draws(num_interactions, seed)
    text = dict.fromkeys(("query_id", "candidate_id", "note"), pa.string())
    schema = pa.schema({**text, "timestamp": pa.int64(), "weight": pa.float64()})
    rows_of_a_file = -(-num_interactions // _NUM_FILES)
    for number, first in enumerate(range(0, num_interactions, rows_of_a_file)):
        path = directory / f"{number:03d}.parquet"
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for rows in _blocks(first, min(first + rows_of_a_file, num_interactions)):
                texts = map(_hexadecimal, (*draws.next(len(rows)), rows))
                numbers = (_seconds(rows, num_interactions), draws.fractions(len(rows)))
                writer.write_table(pa.table([*texts, *numbers], schema=schema))
    return {"interactions": num_interactions, "queries": draws.num_queries, "candidates": draws.num_candidates}


class _Draws:
    """Draws the query and the candidate of row after row."""

    def __init__(self, num_interactions: int, seed: int):
        self.num_queries = num_interactions // _INTERACTIONS_OF_A_QUERY
        self.num_candidates = num_interactions // _INTERACTIONS_OF_A_CANDIDATE
        ranks = np.arange(1, self.num_candidates + 1, dtype=np.float64)
        self._shares = np.cumsum(ranks**-_ZIPF_EXPONENT)
        self._generator = np.random.default_rng(seed)

    def next(self, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the numbers of queries and candidates of the next rows."""
        queries = self._generator.integers(1, self.num_queries, num_rows)
        queries[self._generator.random(num_rows) < 1 / _INTERACTIONS_OF_THE_LARGEST_QUERY] = 0
        drawn = self.fractions(num_rows) * self._shares[-1]
        return queries, np.searchsorted(self._shares, drawn, side="right")

    def fractions(self, num_rows: int) -> np.ndarray:
        """Returns numbers in [0, 1)."""
        return self._generator.random(num_rows)


def _blocks(begin: int, end: int) -> Iterator[np.ndarray]:
    for first in range(begin, end, _ROWS_OF_A_BLOCK):
        yield np.arange(first, min(first + _ROWS_OF_A_BLOCK, end))


def _seconds(rows: np.ndarray, num_interactions: int) -> np.ndarray:
    return _FIRST_SECOND + rows * _SECONDS // num_interactions


def _ids(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pa.array(np.char.add(prefix, numbers.astype(str)), pa.string())


def _hexadecimal(numbers: np.ndarray) -> pa.Array:
    """Returns 32 digits for each number, others for another number."""
    halves = [_scattered(numbers.astype(np.uint64) + np.uint64(first)) for first in (0, 1 << 62)]
    digits = np.stack(halves, axis=1).tobytes().hex().encode()
    ends = np.arange(0, len(digits) + 1, _DIGITS, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(ends), pa.py_buffer(digits))


def _scattered(numbers: np.ndarray) -> np.ndarray:
    """Returns the last step of SplitMix64 (Steele et al., OOPSLA 2014), which is one to one."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
