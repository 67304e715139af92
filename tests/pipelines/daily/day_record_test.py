import json

import pytest

from pipelines.daily import day_record
from pipelines.daily.state_paths import StatePaths
from tests.pipelines.daily import shop_days


def _record():
    record = day_record.DayRecord(shop_days.FIRST, {"before": None}, "ab" * 32)
    record = record.with_stage("train", {"model_stamp": "cd", "best_checkpoint": "ckpt-2"})
    return record.with_stage("publish", {"version": 7}, day_record.PUBLISHED)


def test_a_record_is_read_back_as_it_was_written_and_twice_gives_the_same_bytes(tmp_path):
    paths = StatePaths(tmp_path).day(shop_days.FIRST)
    _record().write(paths)
    first = paths.record.read_bytes()
    read = day_record.read(paths)
    assert read == _record()
    read.write(paths)
    assert paths.record.read_bytes() == first


def test_records_are_read_in_the_order_of_their_days_and_leftovers_are_none(tmp_path):
    paths = StatePaths(tmp_path)
    for day in (2, 0):
        day_record.DayRecord(shop_days.date_of(day)).write(paths.day(shop_days.date_of(day)))
    (paths.days / "2026-11-02").mkdir()
    (paths.days / ".2026-11-03.tmp-abc").mkdir()
    assert list(day_record.read_all(paths)) == [shop_days.date_of(0), shop_days.date_of(2)]
    assert day_record.read_all(StatePaths(tmp_path / "nothing")) == {}


@pytest.mark.parametrize(
    ("outcome", "stages", "is_finished", "is_accepted"),
    [
        (None, {}, False, False),
        ("published", {}, False, True),
        ("published", {"report": {}}, True, True),
        ("trained", {"report": {}}, True, True),
        ("no_data", {}, True, False),
        ("skipped", {}, True, False),
        ("withdrawn", {}, True, False),
    ],
)
def test_a_day_is_finished_with_its_report_and_accepted_with_its_model(outcome, stages, is_finished, is_accepted):
    record = day_record.DayRecord(shop_days.FIRST, stages=stages, outcome=outcome)
    assert (record.is_finished, record.is_accepted) == (is_finished, is_accepted)


def test_what_was_published_of_a_day_is_told(tmp_path):
    assert (_record().model_stamp, _record().model, _record().version) == ("cd", ("cd", "ckpt-2"), 7)
    begun = day_record.DayRecord(shop_days.FIRST)
    assert (begun.model_stamp, begun.model, begun.version) == (None, None, None)


def test_a_folder_that_is_no_date_is_refused_with_the_way_on(tmp_path):
    paths = StatePaths(tmp_path)
    (paths.days / "2026-11-02.bad").mkdir(parents=True)
    with pytest.raises(day_record.DayRecordError, match="must be named for its date, but is not; move it out of there"):
        day_record.read_all(paths)


def test_a_reopened_record_is_that_of_before_publishing():
    trained = _record().with_stage("report", {}).reopened()
    assert (list(trained.stages), trained.outcome, trained.is_finished) == (["train"], None, False)


def test_a_record_of_another_version_is_refused(tmp_path):
    paths = StatePaths(tmp_path).day(shop_days.FIRST)
    _record().write(paths)
    paths.record.write_text(json.dumps(json.loads(paths.record.read_text()) | {"format_version": 99}))
    with pytest.raises(day_record.DayRecordError, match="format_version 99, but this version reads 1; begin again"):
        day_record.read(paths)
