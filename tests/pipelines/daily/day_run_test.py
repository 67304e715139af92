import pytest

from pipelines import run_ledger
from pipelines.daily import day_checks, day_record, day_run, day_stages, partitions
from pipelines.daily.partition_digests import PartitionDigests
from pipelines.daily.stage_lines import StageLines
from tests.pipelines.daily import shop_days


def test_of_days_that_were_not_checked_it_is_not_known_how_many_rows_are_of_other_dates(tmp_path, monkeypatch):
    for day in range(4):
        shop_days.write(tmp_path / "log", day)
    found = partitions.find(tmp_path / "log")
    records = {
        found[1].date: day_record.DayRecord(found[1].date, stages={"check": {"num_outside": 2}}, outcome="published"),
        found[2].date: day_record.DayRecord(found[2].date, outcome="skipped"),
    }
    seen = []

    def stops(work, name, record):
        seen.append(work.num_outside)
        raise day_checks.DayCheckError("That is all.")

    monkeypatch.setattr(day_stages.DayWork, "run", stops)
    monkeypatch.setattr(day_run, "base_of", lambda date, records: None)
    digests = PartitionDigests(tmp_path / "digests.json")
    lines = StageLines(run_ledger.RunLedger(tmp_path / "ledger.jsonl"))
    runner = day_run.DayRunner(shop_days.config(tmp_path), found, digests, lines, lambda record: None)
    with pytest.raises(day_checks.DayCheckError):
        runner.run(found[3], records, publishes=True)
    # The first partition was no day, and was not checked either.
    assert seen == [{"2026-11-02": 2}]
