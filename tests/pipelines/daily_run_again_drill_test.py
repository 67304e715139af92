"""Days that are passed over, refused, interrupted and done again; each trains."""

import pytest

from pipelines import daily_run, export, export_versions, rollback, run_ledger
from pipelines.daily import backfill, day_checks, day_plan, day_record, served_days
from pipelines.daily.state_paths import StatePaths
from serving import manifest
from tests.pipelines.daily import shop_days


def _records(root):
    return day_record.read_all(StatePaths(root / "state"))


def _record(root, day):
    return _records(root)[shop_days.date_of(day)]


def _versions(root):
    return export_versions.numbers(root / "served" / "shop")


def _run(root, **options):
    return daily_run.run(shop_days.config(root, **options))


def _interrupted(*arguments):
    raise KeyboardInterrupt


@pytest.mark.drill
def test_a_day_without_a_partition_or_without_rows_is_noted_and_the_next_goes_on_from_the_last_model(copied_days):
    shop_days.write(copied_days / "log", 4, {name: values[:0] for name, values in shop_days.rows(4).items()})
    shop_days.write(copied_days / "log", 5)
    result = _run(copied_days)
    assert [each.outcome for each in result.records] == ["no_data", "no_data", "published"]
    assert result.records[2].origin["before"]["date"] == shop_days.date_of(2).isoformat()
    assert _versions(copied_days) == [1, 2, 3, 4]


@pytest.mark.drill
def test_a_day_that_is_refused_publishes_nothing_until_it_is_skipped_and_then_is_in_no_window(copied_days):
    shop_days.write(copied_days / "log", 3, {"shopper": ["s"] * 120, "sku": ["i"] * 120, "when": [0] * 120})
    shop_days.write(copied_days / "log", 4)
    for _ in range(2):
        with pytest.raises(day_checks.DayCheckError, match=r"lacks at.*--skip_date=2026-11-04 goes on without"):
            _run(copied_days)
    assert _versions(copied_days) == [1, 2, 3]
    assert not _record(copied_days, 3).is_finished
    result = _run(copied_days, skip_dates=(shop_days.date_of(3),))
    assert [each.outcome for each in result.records] == ["skipped", "published"]
    assert list(result.records[1].origin["window"]) == [shop_days.date_of(day).isoformat() for day in range(3)]
    entries = run_ledger.RunLedger(StatePaths(copied_days / "state").ledger).entries()
    assert [each.outcome for each in entries if each.date == "2026-11-04" and each.outcome != "begun"] == [
        "refused",
        "refused",
        "skipped",
    ]


@pytest.mark.drill
def test_changed_data_of_a_day_that_is_done_are_refused_and_a_back_fill_does_it_and_all_later_ones_again(copied_days):
    stamps = [each.model_stamp for each in _records(copied_days).values()]
    shop_days.write(copied_days / "log", 1, shop_days.rows(1, num_rows=100))
    with pytest.raises(day_plan.DayPlanError, match="--backfill_from=2026-11-02"):
        _run(copied_days)
    again = {"backfill_from": shop_days.date_of(1)}
    assert [each.outcome for each in _run(copied_days, **again).records] == ["trained", "published"]
    # What is served never went back to the second day.
    assert _versions(copied_days) == [1, 2, 3, 4]
    served = manifest.read_manifest(copied_days / "served" / "shop" / "4")
    assert served["model_stamp"] == _record(copied_days, 2).model_stamp
    now = [each.model_stamp for each in _records(copied_days).values()]
    assert [old == new for old, new in zip(stamps, now, strict=True)] == [True, False, False]
    assert not StatePaths(copied_days / "state").backfill.exists()


@pytest.mark.drill
def test_a_back_fill_that_was_interrupted_goes_on_with_or_without_its_flag(copied_days, monkeypatch):
    again = {"backfill_from": shop_days.date_of(1)}
    with monkeypatch.context() as patch:
        patch.setattr(export, "run", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            _run(copied_days, **again)
    done = _record(copied_days, 1).model_stamp
    with pytest.raises(backfill.BackfillError, match="is under way and comes to 2026-11-03 by itself"):
        _run(copied_days, backfill_from=shop_days.date_of(2))
    assert [each.date for each in _run(copied_days, **again).records] == [shop_days.date_of(2)]
    # The same data make the same model, so that nothing but the last day's is published again.
    assert _record(copied_days, 1).model_stamp == done
    assert _versions(copied_days) == [1, 2, 3]


@pytest.mark.drill
def test_a_day_that_was_begun_with_other_options_is_begun_again(copied_days, monkeypatch):
    shop_days.write(copied_days / "log", 3)
    with monkeypatch.context() as patch:
        patch.setattr(export, "run", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            _run(copied_days)
    begun = _record(copied_days, 3)
    (record,) = _run(copied_days, epochs_per_day=2).records
    assert len(record.stages["train"]["losses"]) == 2
    assert record.model != begun.model


@pytest.mark.drill
def test_a_day_that_is_done_again_with_more_epochs_is_published_as_another_model(copied_days):
    last = shop_days.date_of(2)
    assert [each.version for each in _run(copied_days, backfill_from=last, epochs_per_day=2).records] == [4]
    served = manifest.read_manifest(copied_days / "served" / "shop" / "4")
    assert (served["model_stamp"], served["best_checkpoint"]) == _record(copied_days, 2).model
    rollback.run(
        rollback.RollbackConfig(str(copied_days / "served" / "shop"), str(copied_days / "state"), to_version=3)
    )
    # Version 3 has the stamp of the day's model and fewer epochs.
    assert _record(copied_days, 2).outcome == "withdrawn"


@pytest.mark.drill
def test_a_back_fill_whose_last_day_is_passed_over_publishes_the_day_before_it(copied_days):
    last = shop_days.date_of(2)
    shop_days.write(copied_days / "log", 2, shop_days.rows(2, num_rows=10))
    with pytest.raises(day_checks.DayCheckError):
        _run(copied_days, backfill_from=shop_days.date_of(1))
    # Until it is known what becomes of the last day, its old version serves.
    assert [_record(copied_days, day).outcome for day in (1, 2)] == ["trained", None]
    assert _versions(copied_days) == [1, 2, 3]
    assert [each.outcome for each in _run(copied_days, skip_dates=(last,)).records] == ["skipped"]
    assert (_record(copied_days, 1).outcome, _record(copied_days, 1).version) == ("published", 4)
    assert not StatePaths(copied_days / "state").backfill.exists()


@pytest.mark.drill
def test_a_back_fill_that_does_without_the_newest_day_serves_the_one_before_it(copied_days):
    last = shop_days.date_of(2)
    assert [each.outcome for each in _run(copied_days, backfill_from=last, skip_dates=(last,)).records] == ["skipped"]
    record = _record(copied_days, 1)
    assert (record.outcome, record.version) == ("published", 4)
    assert manifest.read_manifest(copied_days / "served" / "shop" / "4")["model_stamp"] == record.model_stamp
    shop_days.write(copied_days / "log", 3)
    assert _run(copied_days).records[0].origin["before"]["date"] == record.date.isoformat()


@pytest.mark.drill
def test_a_back_fill_up_to_a_date_publishes_nothing_before_the_day_that_serves(copied_days):
    config = {"backfill_from": shop_days.date_of(1), "to_date": shop_days.date_of(1)}
    assert [each.outcome for each in _run(copied_days, **config).records] == ["trained"]
    assert _versions(copied_days) == [1, 2, 3]
    # The same data make the same models, the last of which serves already.
    assert [each.version for each in _run(copied_days).records] == [3]


@pytest.mark.drill
def test_a_rollback_to_a_version_whose_day_was_done_again_is_refused_by_the_next_run_with_the_way_on(copied_days):
    shop_days.write(copied_days / "log", 2, shop_days.rows(2, num_rows=100))
    _run(copied_days, backfill_from=shop_days.date_of(2))
    state, served = copied_days / "state", copied_days / "served" / "shop"
    rollback.run(rollback.RollbackConfig(str(served), str(state), to_version=3))
    shop_days.write(copied_days / "log", 3)
    with pytest.raises(served_days.ServedDaysError, match=r"Version 3 of .* is of no day .* --backfill_from"):
        _run(copied_days)
    assert [each.outcome for each in _run(copied_days, backfill_from=shop_days.date_of(2)).records] == ["published"] * 2


@pytest.mark.drill
def test_a_version_that_was_published_when_its_run_was_killed_is_taken_back_with_its_day(copied_days, monkeypatch):
    shop_days.write(copied_days / "log", 3)
    run_export = export.run

    def published_and_interrupted(config):
        run_export(config)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(export, "run", published_and_interrupted)
        with pytest.raises(KeyboardInterrupt):
            _run(copied_days)
    assert _record(copied_days, 3).outcome is None
    config = rollback.RollbackConfig(str(copied_days / "served" / "shop"), str(copied_days / "state"), to_version=3)
    assert rollback.run(config) == rollback.RollbackResult((4,), (shop_days.date_of(3),))
    assert _run(copied_days).records == ()
    assert _versions(copied_days) == [1, 2, 3]
