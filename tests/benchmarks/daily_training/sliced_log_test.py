import datetime

import numpy as np
import pyarrow as pa

from benchmarks.daily_training import sliced_log
from benchmarks.daily_training.sliced_log import SlicedLog
from tfrs_model import schema as schema_lib

_DAY = 24 * 3600 * 1_000_000


def test_slices_are_counted_back_from_the_end_of_the_newest_day():
    moments = np.array([0, 6 * _DAY, 7 * _DAY, 13 * _DAY + 5, 14 * _DAY, 20 * _DAY + 1])
    # The newest is in day 20, so the last 7 days are 14 to 20, the 7 before them 7 to 13, and the start is the rest.
    assert sliced_log.last_slices(moments, 2, 7).tolist() == [0, 0, 1, 1, 2, 2]
    assert sliced_log.last_slices(moments, 1, 7).tolist() == [0, 0, 0, 0, 1, 1]


def test_a_slice_is_prepared_with_what_is_before_it_and_without_a_trace_of_what_is_later(tmp_path):
    data = _log().prepare(2, tmp_path)
    train, asked = data.examples("train"), data.examples("test")
    assert sorted(data.candidate_ids[train.candidate_rows]) == ["a", "b"]
    assert data.candidate_ids[asked.candidate_rows].tolist() == ["c"]
    assert sorted(data.candidate_ids) == ["a", "b", "c"]
    # What is asked has seen all that is strictly earlier.
    assert (asked.history_end - asked.history_begin).tolist() == [2]


def test_an_interaction_weighs_half_for_each_half_life_before_the_newest_that_is_trained_on(tmp_path):
    train = _log().prepare(2, tmp_path).examples("train")
    # "b" is the newest before slice 2, and "a" 28 days older.
    np.testing.assert_allclose(sorted(train.weights), [0.5, 1.0], rtol=1e-6)


def _log() -> SlicedLog:
    """One query chooses a, b, c, d on days 0, 28, 35 and 42, each in a slice of its own."""
    moments = [datetime.datetime(2026, 1, 1) + datetime.timedelta(days) for days in (0, 28, 35, 42)]
    log = {"query_id": ["q"] * 4, "candidate_id": ["a", "b", "c", "d"], "timestamp": moments}
    candidates = pa.table({"candidate_id": ["a", "b", "c", "d", "never sold"]})
    return SlicedLog(pa.table(log), np.arange(4), schema_lib.Schema(), candidates, half_life_days=28.0)
