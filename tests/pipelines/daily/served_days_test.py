import pytest

from pipelines.daily import day_record, served_days
from pipelines.daily.state_paths import StatePaths
from tests.pipelines.daily import shop_days


def _records(*days):
    """Returns records of days from the first on, each given as outcome and version."""
    found = {}
    for day, (outcome, version) in enumerate(days):
        stages = {"publish": {"version": version}} if version else {}
        found[shop_days.date_of(day)] = day_record.DayRecord(shop_days.date_of(day), stages=stages, outcome=outcome)
    return found


def _withdrawn(export_dir, records):
    return [(date - shop_days.FIRST).days for date in served_days.withdrawn_dates(export_dir, records)]


@pytest.fixture
def export_dir(tmp_path):
    for name in ("1", "2", ".withdrawn-3"):
        (tmp_path / "served" / name).mkdir(parents=True)
    return tmp_path / "served"


def test_the_day_of_a_version_that_was_taken_back_is(export_dir):
    assert _withdrawn(export_dir, _records(("published", 1), ("published", 2), ("published", 3))) == [2]


def test_also_when_another_version_was_published_since(export_dir):
    (export_dir / "4").mkdir()
    assert _withdrawn(export_dir, _records(("published", 1), ("published", 3), ("published", 4))) == [1]


def test_a_version_that_is_gone_since_newer_ones_came_takes_nothing_back(export_dir):
    (export_dir / "1").rmdir()
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


def test_days_without_any_version_are_refused(tmp_path):
    with pytest.raises(served_days.ServedDaysError, match="holds no version, but 2026-11-01 was published"):
        served_days.withdrawn_dates(tmp_path, _records(("published", 1)))
