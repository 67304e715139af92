import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.daily_training import journey
from pipelines import job, kept_results
from tests.benchmarks.quality import planted_sources


def _result(is_hit: list[int], seconds: float) -> kept_results.Result:
    figures = {"seconds": seconds, "cpu_seconds": seconds, "epoch_seconds": seconds / 2}
    hits = np.tile(np.array(is_hit, bool), 100)
    return kept_results.Result(figures, {"is_hit": hits, "owners": np.arange(len(hits)).astype(str)})


def test_as_many_hits_in_a_fifth_of_the_time_hold():
    found = journey.judge([{"warm": _result([1, 0, 1, 0], 2.0), "retrained": _result([1, 0, 1, 0], 10.0)}] * 2)
    relative = found["warm_minus_retrained_relative"]
    assert (relative["low"], relative["mean"], relative["high"]) == (0.0, 0.0, 0.0)
    assert found["warm_share_of"]["seconds"] == pytest.approx(0.2)
    assert found["holds"]


def test_a_loss_beyond_the_bound_or_a_longer_training_does_not_hold():
    lost = journey.judge([{"warm": _result([1, 0, 0, 0], 2.0), "retrained": _result([1, 0, 1, 0], 10.0)}])
    # 1 of 4 against 2 of 4 is half.
    assert lost["warm_minus_retrained_relative"]["mean"] == pytest.approx(-0.5)
    assert not lost["holds"]
    slow = journey.judge([{"warm": _result([1, 0, 1, 0], 2.1), "retrained": _result([1, 0, 1, 0], 10.0)}])
    assert not slow["holds"]


def test_the_last_ten_weeks_are_always_trained_again_and_the_first_never(tmp_path):
    config = journey.JourneyConfig(None, tmp_path, retrain_every=10)
    assert [each for each in range(1, 41) if config.is_retrained(each)] == [10, 20, 30, *range(31, 41)]
    every = journey.JourneyConfig(None, tmp_path)
    assert [each for each in range(1, 41) if every.is_retrained(each)] == list(range(2, 41))


def test_households_are_drawn_as_a_whole(tmp_path):
    folder = planted_sources.write(tmp_path / "sources").complete_journey_dir
    everything, some = (journey.read(folder, tmp_path, number) for number in (0, 7))
    households = set(some.log["household_id"].to_pylist())
    assert len(households) == 7
    of_these = [each in households for each in everything.log["household_id"].to_pylist()]
    assert some.log.equals(everything.log.filter(pa.array(of_these)))
    assert len(some.slices) == some.log.num_rows


def test_a_folder_without_the_tables_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "transactions.parquet")
    with pytest.raises(job.ConfigError, match=r"must name the folder of the tables, but .*products.parquet is none"):
        journey.read(str(tmp_path), tmp_path, 0)
