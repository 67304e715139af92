import dataclasses
import pathlib
import shutil
import tempfile

import pytest

from pipelines import artifacts, learned_data, model_directory, run_ledger, training_config
from pipelines.daily import base_model, day_checks, day_stages, partitions
from pipelines.daily.day_record import DayRecord
from pipelines.daily.state_paths import StatePaths
from tests.pipelines.daily import shop_days
from tfrs_model.schema import InteractionColumns, Schema


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


def _trained(root, found, before=None, num_outside=None, **options):
    """Checks, prepares and trains the last of the partitions, and returns its record."""
    *window, partition = found
    config = shop_days.config(root, **options)
    StatePaths(config.state_dir).day(partition.date).directory.mkdir(parents=True)
    work = day_stages.DayWork(config, partition, window, window, before, True, lambda record: None, num_outside or {})
    record = DayRecord(partition.date)
    for name in ("check", "prepare", "train"):
        record = work.run(name, record)
    return record


def _num_learned(root, date):
    description = model_directory.ModelPaths(StatePaths(root / "state").day(date).model).description
    return int(learned_data.LearnedData.read(description).known["candidate_id"].counts.sum())


def _write_with_a_row_of(root, day, other_day):
    columns = shop_days.rows(day)
    columns["at"][-1] = shop_days.rows(other_day)["at"][-1] + 1
    shop_days.write(root / "log", day, columns)


def test_a_row_of_a_later_date_in_a_partition_that_was_no_day_hides_nothing_of_that_date(log, tmp_path, caplog):
    _write_with_a_row_of(tmp_path, 0, other_day=2)
    first = _trained(tmp_path, log[:2])
    assert first.stages["prepare"]["num_outside_before"] == {"2026-11-01": 1}
    assert "2026-11-02: 1 interactions of other dates in the partition of 2026-11-01 are dropped" in caplog.text
    assert _num_learned(tmp_path, log[1].date) == 119 + 120
    second = _trained(tmp_path, log, first, {"2026-11-02": 0})
    assert second.stages["prepare"]["num_outside_before"] == {"2026-11-01": 1}
    assert _num_learned(tmp_path, log[2].date) == 119 + 120 + 120
    assert not StatePaths(tmp_path / "state").day(log[2].date).work.exists()


def test_the_day_after_one_of_which_rows_of_other_dates_were_let_through_trains_on_all_of_its_rows(log, tmp_path):
    _write_with_a_row_of(tmp_path, 1, other_day=2)
    checks = dataclasses.replace(shop_days.CHECKS, max_outside_fraction=0.01)
    first = _trained(tmp_path, log[:2], checks=checks)
    assert (first.stages["check"]["num_outside"], first.stages["prepare"]["num_outside_before"]) == (1, {})
    second = _trained(tmp_path, log, first, {"2026-11-02": 1}, checks=checks)
    assert second.stages["check"]["num_outside"] == 0
    assert _num_learned(tmp_path, log[2].date) == 120 + 119 + 120


@pytest.fixture(scope="module")
def one_day(tmp_path_factory):
    """Returns the folder of two days of which the first was trained, and its record."""
    root = tmp_path_factory.mktemp("one_day")
    for day in range(2):
        shop_days.write(root / "log", day)
    return root, _trained(root, partitions.find(root / "log")[:1])


def test_a_model_that_has_learned_until_a_moment_of_the_day_trains_none_of_it(one_day, tmp_path):
    root, first = pathlib.Path(shutil.copytree(one_day[0], tmp_path / "root")), one_day[1]
    log = partitions.find(root / "log")
    description = model_directory.ModelPaths(StatePaths(root / "state").day(first.date).model).description
    learned = artifacts.read_json(description / "learned.json")
    noon = log[1].begin + 43_200_000_000
    artifacts.write_json(description / "learned.json", {**learned, "until_microseconds": noon})
    num_hidden = sum(each * 1_000_000 <= noon for each in shop_days.rows(1)["at"])
    with pytest.raises(
        base_model.BaseModelError,
        match=f"newer than what the model of 2026-11-01 has learned, but that is until 2026-11-02T12:00:00.000000 UTC "
        f"and {num_hidden} of 120 are not",
    ):
        _trained(root, log, first)


_WITH_TIES = Schema(InteractionColumns("shopper", "sku", "at", "s", tie_break="at"))


@pytest.mark.parametrize(
    ("training", "schema", "difference"),
    [
        ({"embedding_dim": 4}, shop_days.SCHEMA, "--embedding_dim is 4 and was 8"),
        ({"seed": 7}, shop_days.SCHEMA, "--seed is 7 and was 0"),
        ({}, _WITH_TIES, "--schema is another"),
    ],
)
def test_options_that_the_model_before_was_not_made_with_are_refused_before_it_is_asked(
    one_day, tmp_path, training, schema, difference
):
    root, first = pathlib.Path(shutil.copytree(one_day[0], tmp_path / "root")), one_day[1]
    *window, partition = partitions.find(root / "log")
    config = shop_days.config(root, training=training_config.training_config({**shop_days.OPTIONS, **training}))
    config = dataclasses.replace(config, prepare=dataclasses.replace(config.prepare, schema=schema))
    StatePaths(config.state_dir).day(partition.date).directory.mkdir(parents=True)
    earlier = shop_days.date_of(-3)
    work = day_stages.DayWork(config, partition, window, window, first, True, lambda record: None, first_date=earlier)
    record = work.run("prepare", work.run("check", DayRecord(partition.date)))
    with pytest.raises(base_model.BaseModelError, match=f"{difference}. Give those, .* --backfill_from={earlier}, or"):
        work.run("evaluate", record)


@pytest.mark.parametrize(("window_days", "is_said"), [(0, True), (1, False)])
def test_a_gate_that_could_not_ask_for_what_was_before_the_day_says_so(one_day, tmp_path, caplog, window_days, is_said):
    root, first = pathlib.Path(shutil.copytree(one_day[0], tmp_path / "root")), one_day[1]
    log = partitions.find(root / "log")
    found = log[1 - window_days :]
    record = _trained(root, found, first)
    work = day_stages.DayWork(shop_days.config(root), log[1], found[:-1], log[:1], first, True, lambda record: None)
    gate = work.run("gate", record).stages["gate"]
    assert (gate["num_window_questions"] == 0) == is_said
    assert ("2026-11-02: no interaction before the day is left to ask for" in caplog.text) == is_said
