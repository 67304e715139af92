import pytest

from pipelines.daily import backfill, day_record
from pipelines.daily.state_paths import StatePaths
from tests.pipelines.daily import shop_days


@pytest.fixture
def paths(tmp_path):
    paths = StatePaths(tmp_path)
    for day in range(4):
        date = shop_days.date_of(day)
        record = day_record.DayRecord(date).with_stage("publish", {"version": day + 1}, day_record.PUBLISHED)
        record.with_stage("report", {}).write(paths.day(date))
        paths.day(date).model.mkdir()
    return paths


def _days(paths):
    return [(date - shop_days.FIRST).days for date in day_record.read_all(paths)]


def _wanted(paths, day=None, in_log=range(9)):
    in_log = set(map(shop_days.date_of, in_log))
    date = None if day is None else shop_days.date_of(day)
    return backfill.wanted(date, paths, day_record.read_all(paths), in_log)


def _begin(paths, day):
    backfill.begin(_wanted(paths, day), paths, day_record.read_all(paths))


def test_what_was_made_from_a_date_on_is_removed_and_the_last_served_day_is_noted(paths):
    _begin(paths, 2)
    assert _days(paths) == [0, 1]
    assert backfill.read(paths.backfill) == backfill.Backfill(shop_days.date_of(2), shop_days.date_of(3), True)


def test_days_that_were_done_again_are_not_removed_by_a_second_run(paths):
    _begin(paths, 2)
    day_record.DayRecord(shop_days.date_of(2)).write(paths.day(shop_days.date_of(2)))
    _begin(paths, 2)
    backfill.begin(_wanted(paths), paths, day_record.read_all(paths))
    assert _days(paths) == [0, 1, 2]


def test_one_from_an_earlier_date_takes_over_and_remembers_what_was_served(paths):
    _begin(paths, 2)
    _begin(paths, 1)
    assert _days(paths) == [0]
    assert backfill.read(paths.backfill).served == shop_days.date_of(3)


def test_one_from_a_later_date_or_of_nothing_is_refused(paths):
    with pytest.raises(backfill.BackfillError, match="--backfill_from=2026-11-05 is after all days that were done"):
        _wanted(paths, 4)
    _begin(paths, 1)
    with pytest.raises(backfill.BackfillError, match="from 2026-11-02 is under way and comes to 2026-11-03 by itself"):
        _wanted(paths, 2)


def test_one_whose_model_before_is_no_longer_kept_is_refused_unless_it_is_of_all_days(paths):
    for day in range(2):
        paths.day(shop_days.date_of(day)).model.rmdir()
    with pytest.raises(backfill.BackfillError, match=r"the model of 2026-11-02, which .* name a date after 2026-11-03"):
        _wanted(paths, 2)
    assert _wanted(paths, 3).begin == shop_days.date_of(3)
    assert _wanted(paths, 0).begin == shop_days.date_of(0)


def test_one_of_days_that_are_no_longer_in_the_log_is_refused_before_anything_goes(paths):
    with pytest.raises(
        backfill.BackfillError, match="would do 2026-11-03 again, whose partition is no longer in the log"
    ):
        _wanted(paths, 1, in_log=(0, 1, 3))
    assert _days(paths) == [0, 1, 2, 3]


def test_it_is_done_when_the_day_that_was_served_is_finished_again(paths):
    _begin(paths, 2)
    assert not backfill.is_done(_wanted(paths), day_record.read_all(paths))
    day_record.DayRecord(shop_days.date_of(3), outcome="no_data").write(paths.day(shop_days.date_of(3)))
    assert backfill.is_done(_wanted(paths), day_record.read_all(paths))
