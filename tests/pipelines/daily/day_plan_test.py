import dataclasses
import datetime
import pathlib

import pytest

from pipelines.daily import day_plan, day_record, partitions
from pipelines.daily.partition_digests import PartitionDigests
from tests.pipelines.daily import shop_days


def _partitions(*days, num_days=1):
    return [partitions.Partition(shop_days.date_of(day), (pathlib.Path(f"{day}.parquet"),), num_days) for day in days]


def _records(**outcomes):
    """Returns records of days by their number, `d0` the first."""
    records = {}
    for name, outcome in outcomes.items():
        date = shop_days.date_of(int(name[1:]))
        stages = {"report": {}} if outcome in (day_record.PUBLISHED, day_record.TRAINED) else {}
        records[date] = day_record.DayRecord(date, stages=stages, outcome=outcome)
    return records


def _config(tmp_path, **options):
    options = {
        name: shop_days.date_of(value) if name.endswith(("date", "from")) else value for name, value in options.items()
    }
    if "skip_dates" in options:
        options["skip_dates"] = tuple(map(shop_days.date_of, options["skip_dates"]))
    return shop_days.config(tmp_path, **options)


def _plan(tmp_path, days, records=None, **options):
    found = day_plan.plan(_config(tmp_path, **options), _partitions(*days), records or {})
    return [((each.date - shop_days.FIRST).days, each.action) for each in found]


def test_days_that_are_not_done_are_done_in_order(tmp_path):
    assert _plan(tmp_path, [0, 1, 2]) == [(0, "train"), (1, "train"), (2, "train")]
    assert _plan(tmp_path, [0, 1, 2], _records(d0="published", d1="published")) == [(2, "train")]
    assert _plan(tmp_path, [0, 1], _records(d0="published", d1="published")) == []


def test_a_day_without_a_partition_between_others_has_no_data(tmp_path):
    assert _plan(tmp_path, [0, 3]) == [(0, "train"), (1, "no data"), (2, "no data"), (3, "train")]


def test_bounds_hold_and_a_rerun_with_them_does_nothing_again(tmp_path):
    assert _plan(tmp_path, [0, 1, 2, 3], from_date=1, to_date=2) == [(1, "train"), (2, "train")]
    done = _records(d1="published", d2="published")
    assert _plan(tmp_path, [0, 1, 2, 3], done, from_date=1, to_date=2) == []
    # What is before the first day that was done stays history.
    assert _plan(tmp_path, [0, 1, 2, 3], done) == [(3, "train")]


def test_all_days_that_are_done_again_begin_with_the_first_of_them_and_not_of_the_log(tmp_path):
    assert _plan(tmp_path, [0, 1, 2], backfill_from=1) == [(1, "train"), (2, "train")]


def test_a_day_that_was_begun_and_one_without_its_report_are_gone_on_with(tmp_path):
    begun = {shop_days.date_of(1): day_record.DayRecord(shop_days.date_of(1))}
    assert _plan(tmp_path, [0, 1], _records(d0="published") | begun) == [(1, "train")]
    unreported = {shop_days.date_of(0): day_record.DayRecord(shop_days.date_of(0), outcome="published")}
    assert _plan(tmp_path, [0], unreported) == [(0, "train")]


def _begun(day, outcome=None):
    return {shop_days.date_of(day): day_record.DayRecord(shop_days.date_of(day), data_sha256="a", outcome=outcome)}


def test_a_day_under_way_whose_partition_is_gone_is_no_day_without_data(tmp_path):
    records = _records(d0="published") | _begun(1)
    with pytest.raises(day_plan.DayPlanError) as caught:
        _plan(tmp_path, [0, 2], records)
    assert str(caught.value) == (
        "2026-11-02 was begun with data and is not finished, but its partition is gone from the log; put it back, or "
        "pass the day over with --skip_date=2026-11-02."
    )
    emptied = [*_partitions(0), partitions.Partition(shop_days.date_of(1), ()), *_partitions(2)]
    with pytest.raises(day_plan.DayPlanError, match="its partition is gone from the log"):
        day_plan.plan(_config(tmp_path), emptied, records)
    # Also where none of a later date is there.
    with pytest.raises(day_plan.DayPlanError, match="its partition is gone from the log"):
        _plan(tmp_path, [0], records)
    assert _plan(tmp_path, [0, 2], records, skip_dates=(1,)) == [(1, "skip"), (2, "train")]
    assert _plan(tmp_path, [0, 1, 2], records) == [(1, "train"), (2, "train")]


def test_a_day_that_serves_and_has_no_report_is_not_passed_over_when_its_partition_is_gone(tmp_path):
    with pytest.raises(day_plan.DayPlanError, match=r"its partition is gone from the log; put it back\.$"):
        _plan(tmp_path, [0, 2], _records(d0="published") | _begun(1, "published"))


def test_a_skipped_day_is_passed_over_once_and_may_be_named_again(tmp_path):
    assert _plan(tmp_path, [0, 1, 2], skip_dates=(1,)) == [(0, "train"), (1, "skip"), (2, "train")]
    assert _plan(tmp_path, [0, 1, 2], _records(d0="published", d1="skipped"), skip_dates=(1,)) == [(2, "train")]


def test_a_day_that_is_done_is_not_skipped_afterwards(tmp_path):
    with pytest.raises(
        day_plan.DayPlanError, match=r"--skip_date=2026-11-01 is none of the days to be done \(2026-11-02"
    ):
        _plan(tmp_path, [0, 1], _records(d0="published"), skip_dates=(0,))


def test_weekly_slices_follow_each_other_every_seven_days(tmp_path):
    config = _config(tmp_path, slice_days=7)
    found = day_plan.plan(config, _partitions(0, 7, 21, num_days=7), {})
    assert [((each.date - shop_days.FIRST).days, each.action) for each in found] == [
        (0, "train"),
        (7, "train"),
        (14, "no data"),
        (21, "train"),
    ]
    with pytest.raises(
        day_plan.DayPlanError, match=r"every --slice_days=7 from 2026-11-01 on, but 2026-11-09 does not"
    ):
        day_plan.plan(config, _partitions(0, 8, num_days=7), {})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"to_date": 4}, "--to_date=2026-11-05 has no partition in .*wait for it, or name an earlier date"),
        ({"from_date": 2}, "--from_date=2026-11-03 leaves out 2026-11-02, the day after the last that was done"),
    ],
)
def test_a_bound_that_nothing_can_be_done_for_is_refused(tmp_path, options, sentence):
    with pytest.raises(day_plan.DayPlanError, match=sentence):
        _plan(tmp_path, [0, 1], _records(d0="published"), **options)


def test_a_long_row_of_missing_days_is_refused_before_any_is_noted_and_let_through_by_its_flag(tmp_path):
    with pytest.raises(day_plan.DayPlanError, match="8 dates up to 2026-11-09 have no partition, more than --max"):
        _plan(tmp_path, [0, 300])
    assert len(_plan(tmp_path, [0, 9], max_missing=8)) == 10


def test_a_day_far_from_the_log_is_not_skipped(tmp_path):
    with pytest.raises(day_plan.DayPlanError, match="--skip_date=2027-11-01 is none of the days to be done"):
        _plan(tmp_path, [0, 1], skip_dates=(365,))
    assert _plan(tmp_path, [0, 1], skip_dates=(2,))[-1] == (2, "skip")


def test_a_day_that_was_removed_by_hand_is_missed(tmp_path):
    with pytest.raises(day_plan.DayPlanError, match=r"2026-11-03 follows 2026-11-01; .* --backfill_from=2026-11-03"):
        _plan(tmp_path, [0, 1, 2, 3], _records(d0="published", d2="published"))


def test_an_unfinished_day_before_finished_ones_is_gone_on_with(tmp_path):
    records = _records(d0="published", d2="skipped") | {
        shop_days.date_of(1): day_record.DayRecord(shop_days.date_of(1))
    }
    assert _plan(tmp_path, [0, 1, 2, 3], dict(sorted(records.items()))) == [(1, "train"), (3, "train")]


def test_a_log_without_a_partition_is_refused(tmp_path):
    with pytest.raises(day_plan.DayPlanError, match="holds no partition; wait for one, or correct the path"):
        _plan(tmp_path, [])


def test_a_window_leaves_out_what_was_skipped_or_taken_back_and_what_is_too_old(tmp_path):
    found = _partitions(*range(6))
    records = _records(d1="published", d2="skipped", d3="withdrawn", d4="trained")
    usable = day_plan.usable_before(found[5].date, found, records)
    assert [(each.date - shop_days.FIRST).days for each in usable] == [0, 1, 4]
    window = day_plan.window(_config(tmp_path, window_days=4), found[5].date, usable)
    assert [(each.date - shop_days.FIRST).days for each in window] == [1, 4]


def test_a_day_that_was_done_with_other_data_is_refused_with_the_way_on(tmp_path):
    path = shop_days.write(tmp_path / "log", 0)
    (partition,) = partitions.find(tmp_path / "log")
    digests = PartitionDigests(tmp_path / "digests.json")
    record = dataclasses.replace(_records(d0="published")[partition.date], data_sha256=digests.of(partition))
    digests.save()
    day_plan.require_unchanged([partition], {partition.date: record}, PartitionDigests(tmp_path / "digests.json"))
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(day_plan.DayPlanError, match=r"data of 2026-11-01 are others .* --backfill_from=2026-11-01\."):
        day_plan.require_unchanged([partition], {partition.date: record}, PartitionDigests(tmp_path / "digests.json"))


def test_a_partition_that_comes_after_its_day_had_no_data_is_refused(tmp_path):
    shop_days.write(tmp_path / "log", 0)
    (partition,) = partitions.find(tmp_path / "log")
    with pytest.raises(day_plan.DayPlanError, match="--backfill_from"):
        day_plan.require_unchanged([partition], _records(d0="no_data"), PartitionDigests(tmp_path / "digests.json"))


def test_the_day_after_a_slice_begins_where_it_ends():
    assert _partitions(0, num_days=7)[0].end == partitions.Partition(shop_days.FIRST + datetime.timedelta(7), ()).begin
