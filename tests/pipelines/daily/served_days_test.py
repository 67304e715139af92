import shutil

import pytest

from pipelines.daily import day_record, served_days
from pipelines.daily.state_paths import StatePaths
from serving import manifest
from tests.pipelines.daily import shop_days


def _records(*days):
    """Returns records of days from the first on, each given as outcome and version; its model is named for that."""
    found = {}
    for day, (outcome, version) in enumerate(days):
        stages = {"train": _model(f"of {version}"), "publish": {"version": version}} if version else {}
        found[shop_days.date_of(day)] = day_record.DayRecord(shop_days.date_of(day), stages=stages, outcome=outcome)
    return found


def _model(stamp, epoch=1):
    return {"model_stamp": stamp, "best_checkpoint": f"ckpt-{epoch}"}


def _export(export_dir, name, stamp, epoch=1):
    (export_dir / name).mkdir(parents=True)
    manifest.write_manifest(export_dir / name, _model(stamp, epoch))


def _withdrawn(export_dir, records):
    return [(date - shop_days.FIRST).days for date in served_days.withdrawn_dates(export_dir, records)]


@pytest.fixture
def export_dir(tmp_path):
    for name in ("1", "2", ".withdrawn-3"):
        _export(tmp_path / "served", name, f"of {name.removeprefix('.withdrawn-')}")
    return tmp_path / "served"


def test_the_day_of_a_version_that_was_taken_back_is(export_dir):
    assert _withdrawn(export_dir, _records(("published", 1), ("published", 2), ("published", 3))) == [2]


def test_also_when_another_version_was_published_since(export_dir):
    _export(export_dir, "4", "of 4")
    assert _withdrawn(export_dir, _records(("published", 1), ("published", 3), ("published", 4))) == [1]


def test_a_version_that_is_gone_since_newer_ones_came_takes_nothing_back(export_dir):
    shutil.rmtree(export_dir / "1")
    assert _withdrawn(export_dir, _records(("published", 1), ("published", 2))) == []


def test_the_days_of_a_back_fill_go_with_the_version_that_it_ended_in(export_dir):
    records = _records(
        ("trained", None), ("published", 2), ("trained", None), ("skipped", None), ("trained", None), ("published", 3)
    )
    assert _withdrawn(export_dir, records) == [2, 4, 5]


def test_what_was_withdrawn_before_or_is_under_way_stays_as_it_is(export_dir):
    assert _withdrawn(export_dir, _records(("published", 2), ("withdrawn", 3), (None, None))) == []


def test_it_is_noted_in_the_records_and_what_the_stages_found_stays(export_dir, tmp_path):
    records, paths = _records(("published", 2), ("published", 3)), StatePaths(tmp_path / "state")
    noted = served_days.note_withdrawn(export_dir, paths, records)
    assert [each.outcome for each in noted.values()] == ["published", "withdrawn"]
    read = day_record.read(paths.day(shop_days.date_of(1)))
    assert (read.outcome, read.version) == ("withdrawn", 3)
    assert day_record.read(paths.day(shop_days.date_of(0))) is None


def test_a_refresh_of_the_same_model_that_still_serves_keeps_its_day(export_dir):
    _export(export_dir, "4", "of 3")
    assert _withdrawn(export_dir, _records(("published", 2), ("published", 3))) == []


def test_more_epochs_of_the_same_run_are_another_model(export_dir):
    _export(export_dir, "4", "of 3", epoch=2)
    assert _withdrawn(export_dir, _records(("published", 2), ("published", 3))) == [1]


@pytest.mark.parametrize(
    ("versions", "sentence"),
    [
        ({}, "holds not version 1 as 2026-11-01 was published, but only others; name the directory"),
        ({"1": "another"}, "but another model by that number; name the directory"),
        ({"1": "of 1"}, "holds not version 2 as 2026-11-02 was published, but only others"),
    ],
)
def test_the_versions_of_another_directory_are_refused_and_take_no_day_back(tmp_path, versions, sentence):
    for name, stamp in versions.items():
        _export(tmp_path / "elsewhere", name, stamp)
    paths = StatePaths(tmp_path / "state")
    with pytest.raises(served_days.ServedDaysError, match=sentence):
        served_days.note_withdrawn(tmp_path / "elsewhere", paths, _records(("published", 1), ("published", 2)))
    assert not paths.days.exists()


def test_a_day_whose_record_does_not_say_yet_that_it_was_published_is_known_by_its_model(export_dir):
    records = _records(("published", 1), (None, None))
    killed = records[shop_days.date_of(1)].with_stage("train", _model("of 2"))
    assert served_days.dates_above(export_dir, 1, records | {killed.date: killed}) == [killed.date]


def test_a_day_whose_model_another_version_still_has_stays(export_dir):
    _export(export_dir, "4", "of 2")
    _export(export_dir, "5", "of 5")
    records = _records(("published", 1), ("published", 2), ("published", 5))
    assert served_days.dates_above(export_dir, 2, records) == [shop_days.date_of(2)]
    assert served_days.dates_above(export_dir, 1, records) == [shop_days.date_of(1), shop_days.date_of(2)]


def test_a_day_of_a_back_fill_whose_model_is_gone_back_to_stays(export_dir):
    _export(export_dir, "4", "of 4")
    records = _records(("published", 1), ("trained", None), ("trained", None), ("published", 4))
    same = records[shop_days.date_of(1)].with_stage("train", _model("of 2"))
    dates = served_days.dates_above(export_dir, 2, records | {same.date: same})
    assert dates == [shop_days.date_of(2), shop_days.date_of(3)]


def test_a_version_whose_manifest_cannot_be_read_is_known_by_its_number(export_dir):
    records = _records(("published", 1), ("published", 2))
    (export_dir / "2" / "assets.extra" / "manifest.json").write_text("{")
    assert _withdrawn(export_dir, records) == []
    served_days.require_served(export_dir, records)
    assert served_days.dates_above(export_dir, 1, records) == [shop_days.date_of(1)]


def test_one_that_serves_and_is_of_no_day_besides_is_taken_back(export_dir):
    (export_dir / "2" / "assets.extra" / "manifest.json").write_text("{")
    with pytest.raises(served_days.ServedDaysError, match=r"manifest of version 2 .* cannot be read; take it back"):
        served_days.require_served(export_dir, _records(("published", 1)))


def test_a_day_behind_the_one_that_serves_whose_version_is_gone_was_taken_back(export_dir):
    records = _records(("published", 1), ("published", 4))
    _export(export_dir, "5", "of 1")
    assert _withdrawn(export_dir, records) == [1]


def test_an_older_day_that_another_job_exported_is_not_gone_on_from(export_dir):
    _export(export_dir, "4", "of 1")
    with pytest.raises(served_days.ServedDaysError, match="serves the model of 2026-11-01, though 2026-11-02 was"):
        served_days.require_served(export_dir, _records(("published", 1), ("published", 2)))


def test_a_version_of_no_day_or_of_one_that_was_taken_back_is_not_gone_on_from(export_dir):
    served_days.require_served(export_dir, _records(("published", 1), ("published", 2)))
    served_days.require_served(export_dir, {})
    for records in (_records(("published", 1)), _records(("published", 1), ("withdrawn", 2))):
        with pytest.raises(served_days.ServedDaysError, match=r"Version 2 of .* serves a model that is of no day"):
            served_days.require_served(export_dir, records)
