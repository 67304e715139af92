import pytest

from pipelines.daily import day_record, day_retention
from pipelines.daily.state_paths import StatePaths
from serving import manifest
from tests.pipelines.daily import shop_days


def _model(day):
    return {"model_stamp": f"of {day}", "best_checkpoint": "ckpt-1"}


def _export(version_dir, day):
    version_dir.mkdir(parents=True)
    manifest.write_manifest(version_dir, _model(day))


@pytest.fixture
def state(tmp_path):
    """Returns paths and records of five days; the second was skipped, each other one has version 1 to 4."""
    paths, versions = StatePaths(tmp_path / "state"), iter(range(1, 5))
    for day in range(5):
        record = day_record.DayRecord(shop_days.date_of(day), outcome="skipped")
        if day != 1:
            record = record.with_stage("train", _model(day))
            record = record.with_stage("publish", {"version": next(versions)}, "published")
            for directory in (paths.day(record.date).prepared, paths.day(record.date).model):
                directory.mkdir(parents=True)
        record.write(paths.day(record.date))
    return paths, day_record.read_all(paths)


def _days(dates):
    return [(date - shop_days.FIRST).days for date in dates]


def _with_model(paths):
    return [day for day in range(5) if paths.day(shop_days.date_of(day)).model.is_dir()]


def test_data_and_models_before_the_newest_days_go_and_records_stay(state, tmp_path):
    paths, records = state
    assert _days(day_retention.remove_old(paths, records, 2, tmp_path / "served")) == [0, 2]
    assert _with_model(paths) == [3, 4]
    assert not paths.day(shop_days.date_of(0)).prepared.exists()
    assert day_record.read_all(paths) == records
    assert day_retention.remove_old(paths, records, 2, tmp_path / "served") == []


def test_the_day_of_a_version_that_a_rollback_could_serve_stays(state, tmp_path):
    paths, records = state
    _export(tmp_path / "served" / "2", day=2)
    assert _days(day_retention.remove_old(paths, records, 1, tmp_path / "served")) == [0, 3]
    assert _with_model(paths) == [2, 4]


def test_the_day_of_a_model_that_serves_by_a_refresh_alone_stays(state, tmp_path):
    paths, records = state
    _export(tmp_path / "served" / "9", day=0)
    assert _days(day_retention.remove_old(paths, records, 1, tmp_path / "served")) == [2, 3]
    assert _with_model(paths) == [0, 4]


def test_of_fewer_days_nothing_goes(state, tmp_path):
    paths, records = state
    assert day_retention.remove_old(paths, records, 14, tmp_path / "served") == []
    assert day_retention.remove_old(paths, {}, 1, tmp_path / "served") == []
