import dataclasses
import shutil
import tempfile

import pytest

from pipelines import model_directory, run_ledger
from pipelines.daily import day_checks, day_stages, partitions
from pipelines.daily.day_record import DayRecord
from pipelines.daily.state_paths import StatePaths
from tests.pipelines.daily import shop_days


@pytest.fixture
def log(tmp_path):
    for day in range(3):
        shop_days.write(tmp_path / "log", day)
    return partitions.find(tmp_path / "log")


def _work(root, partition, compared=(), **options):
    config = shop_days.config(root, **options)
    StatePaths(config.state_dir).day(partition.date).directory.mkdir(parents=True)
    return day_stages.DayWork(config, partition, (), compared, None, True, lambda record: None)


def test_the_rows_of_a_check_are_kept_beside_its_day_and_not_where_the_system_keeps_its_own(log, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    work = _work(tmp_path, log[2], log[:2])
    assert work.run("check", DayRecord(log[2].date)).stages["check"]["num_rows"] == 120
    assert list(work.paths.directory.iterdir()) == []


def test_a_report_that_cannot_be_written_is_a_warning_and_holds_no_day_back(log, tmp_path, caplog):
    def fails(record):
        raise run_ledger.LedgerError("ledger.jsonl: entry 2: An entry must say its stage.")

    work = dataclasses.replace(_work(tmp_path, log[2]), write_report=fails)
    record = work.run("report", DayRecord(log[2].date))
    assert record.stages["report"] == {"not_written": "ledger.jsonl: entry 2: An entry must say its stage."}
    assert "the report was not written" in caplog.text


def test_a_day_to_come_is_refused_by_the_clock(tmp_path):
    (tmp_path / "log").mkdir()
    shutil.copy(shop_days.write(tmp_path / "other", 0), tmp_path / "log" / "3026-11-01.parquet")
    (partition,) = partitions.find(tmp_path / "log")
    work = _work(tmp_path, partition, checks=day_checks.DayCheckConfig())
    with pytest.raises(day_checks.DayCheckError, match="3026-11-01 ends at 3026-11-02 00:00:00 UTC, and it is 2"):
        work.run("check", DayRecord(partition.date))


def test_a_model_of_the_day_before_that_is_gone_is_made_again_by_a_back_fill(log, tmp_path):
    before = DayRecord(log[1].date)
    work = dataclasses.replace(_work(tmp_path, log[2]), before=before)
    before_dir = StatePaths(tmp_path / "state").day(before.date).model

    def gone(record):
        return model_directory.read_description(before_dir)

    object.__setattr__(work, "_train", gone)
    with pytest.raises(day_stages.BaseModelError) as caught:
        work.run("train", DayRecord(log[2].date))
    said = str(caught.value)
    assert said.startswith("2026-11-03 goes on from the model of 2026-11-02, which cannot be read: ")
    assert f"{before_dir} holds no model. Put" in said
    assert said.endswith("--backfill_from=2026-11-02.")
    assert "--model_dir" not in said
