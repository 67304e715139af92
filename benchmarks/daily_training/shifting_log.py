"""A log with a planted truth: queries like candidates of their own group, the popular most, until that is reversed."""

import numpy as np
import pyarrow as pa

from benchmarks.daily_training.sliced_log import SlicedLog
from tfrs_model import schema as schema_lib

NUM_GROUPS = 8
NUM_QUERIES = 1000
NUM_PER_GROUP = 50
# Slices of the same popularities before the shift, the shifted one itself, and what follows; 0 is the start.
SHIFT_AT = 4
NUM_SLICES = 8

_NUM_PER_QUERY_AT_START, _NUM_PER_QUERY = 60, 20
_SHARE_OF_OTHER_GROUPS = 0.1
_DAY = 24 * 3600 * 1_000_000
_BEGIN = 1_700_000_000 // 86_400 * _DAY


def make(seed: int = 0) -> SlicedLog:
    """Returns the log; slice `SHIFT_AT` is the first whose popularities are reversed within each group.

    A query of group g chooses in nine of ten cases a candidate of g, of which number r has the popularity 1 / (1 + r),
    r = 0 to 49, and from the shift on 1 / (50 - r); else one of any group. Each slice is a day, and the task as hard
    after the shift as before it.
    """
    generator = np.random.default_rng(seed)
    parts = [_day(number, generator) for number in range(NUM_SLICES + 1)]
    queries, candidates, moments, slices = (np.concatenate(each) for each in zip(*parts, strict=True))
    log = {
        "query_id": [f"query-{each}" for each in queries],
        "candidate_id": [f"candidate-{each}" for each in candidates],
        "timestamp": pa.array(moments, pa.timestamp("us", "UTC")),
    }
    return SlicedLog(pa.table(log), slices, schema_lib.Schema())


def popularity(number: int) -> np.ndarray:
    """Returns `[NUM_PER_GROUP]` shares of a group's candidates in a slice."""
    shares = 1.0 / np.arange(1, NUM_PER_GROUP + 1)
    shares = shares[::-1] if number >= SHIFT_AT else shares
    return shares / shares.sum()


def _day(number: int, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Returns query, candidate, moment and slice of each interaction of a slice."""
    size = NUM_QUERIES * (_NUM_PER_QUERY if number else _NUM_PER_QUERY_AT_START)
    queries = np.arange(size) % NUM_QUERIES
    is_own = generator.random(size) >= _SHARE_OF_OTHER_GROUPS
    groups = np.where(is_own, queries % NUM_GROUPS, generator.integers(0, NUM_GROUPS, size))
    within = generator.choice(NUM_PER_GROUP, size, p=popularity(number))
    moments = _BEGIN + number * _DAY + np.sort(generator.choice(_DAY // 1000, size, replace=False)) * 1000
    return queries, groups * NUM_PER_GROUP + within, moments, np.full(size, number)
