"""The times of a day's rows, and the time at which it is checked."""

import dataclasses

import pytest

from pipelines.daily import day_checks, partitions
from tests.pipelines.daily import day_log

CONFIG = day_checks.DayCheckConfig()


@pytest.fixture
def earlier(tmp_path):
    return [day_log.write(tmp_path, day, day_log.rows(day)) for day in range(3)]


def _check(tmp_path, earlier, columns, config=CONFIG, day=3):
    return day_checks.check(day_log.write(tmp_path, day, columns), earlier, day_log.SCHEMA, config)


def _refusal(tmp_path, earlier, columns, config=CONFIG, day=3):
    with pytest.raises(day_checks.DayCheckError) as caught:
        _check(tmp_path, earlier, columns, config, day)
    return str(caught.value)


def test_times_of_another_day_are_refused_with_the_range_that_came(tmp_path, earlier):
    columns = day_log.rows(3)
    # Its last second, and the first of the next day.
    columns["at"][:2] = [1_793_836_799, 1_793_836_800]
    said = _refusal(tmp_path, earlier, columns)
    assert "from 2026-11-04 00:00:00 UTC to before 2026-11-05 00:00:00 UTC, but 1 of 400 are not" in said
    assert "to 2026-11-05 00:00:00 UTC. Write" in said


def test_a_few_rows_of_other_dates_are_let_through_by_their_flag_and_counted(tmp_path, earlier, caplog):
    columns = day_log.rows(3)
    columns["at"][:4] = [1_793_836_800] * 4
    assert "raise --max_outside_fraction to drop them" in _refusal(tmp_path, earlier, columns)
    allowed = dataclasses.replace(CONFIG, max_outside_fraction=0.01)
    assert _check(tmp_path, earlier, columns, allowed).num_outside == 4
    assert "2026-11-04: 4 interactions of other dates are dropped" in caplog.text
    columns["at"][4] = 1_793_836_800
    assert "but 5 of 400 are not" in _refusal(tmp_path, earlier, columns, allowed)
    columns["at"] = [1_793_836_800] * 400
    every = dataclasses.replace(CONFIG, max_outside_fraction=1.0)
    assert "but 400 of 400 are not" in _refusal(tmp_path, earlier, columns, every)


def test_a_week_holds_seven_days(tmp_path):
    columns = day_log.rows(6)
    partition = dataclasses.replace(day_log.write(tmp_path, 0, columns), num_days=7)
    assert day_checks.check(partition, [], day_log.SCHEMA, CONFIG).num_outside == 0
    with pytest.raises(day_checks.DayCheckError, match="but 400 of 400 are not"):
        day_checks.check(dataclasses.replace(partition, num_days=6), [], day_log.SCHEMA, CONFIG)


def test_a_day_that_is_not_over_is_refused_unless_its_partition_is_said_to_be_whole(tmp_path):
    partition = day_log.write(tmp_path, 0, day_log.rows(0))
    # 2026-11-02 00:00 UTC, less a microsecond.
    end = 1_793_577_600_000_000
    with pytest.raises(day_checks.DayCheckError) as caught:
        day_checks.check(partition, [], day_log.SCHEMA, CONFIG, now_microseconds=end - 1)
    said = str(caught.value)
    assert "2026-11-01 ends at 2026-11-02 00:00:00 UTC, and it is 2026-11-01 23:59:59.999999 UTC" in said
    assert "--to_date, or pass --allow_unfinished_day" in said
    assert day_checks.check(partition, [], day_log.SCHEMA, CONFIG, now_microseconds=end).num_rows == 400
    allowed = dataclasses.replace(CONFIG, allow_unfinished_day=True)
    assert day_checks.check(partition, [], day_log.SCHEMA, allowed, now_microseconds=end - 1).num_rows == 400


def test_a_day_that_is_not_over_and_empty_as_yet_is_not_taken_for_one_without_data(tmp_path):
    folder = partitions.Partition(day_log.FIRST, ())
    with pytest.raises(day_checks.DayCheckError, match="more of it may still be written"):
        day_checks.check(folder, [], day_log.SCHEMA, CONFIG, now_microseconds=0)
