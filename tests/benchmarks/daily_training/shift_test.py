import numpy as np
import pytest

from benchmarks.daily_training import shift, shifting_log


def test_popularities_are_reversed_within_groups_from_the_shift_on():
    log = shifting_log.make()
    numbers = np.array([int(each.removeprefix("candidate-")) for each in log.log["candidate_id"].to_pylist()]) % 50
    # Of 1 + 1/2 + ... + 1/50 = 4.499 the first candidate of a group has 1, a share of .222.
    for of_slice, favourite in ((log.slices < 4, 0), (log.slices >= 4, 49)):
        counts = np.bincount(numbers[of_slice], minlength=50)
        assert counts.argmax() == favourite
        assert counts[favourite] / counts.sum() == pytest.approx(0.222, abs=0.01)


def test_the_log_is_in_days_and_nine_of_ten_choices_are_of_the_own_group():
    log = shifting_log.make()
    days = np.array([each.toordinal() for each in log.log["timestamp"].to_pylist()])
    assert (days - days.min()).tolist() == log.slices.tolist()
    ids = (log.log[name].to_pylist() for name in ("query_id", "candidate_id"))
    queries, candidates = (np.array([int(each.split("-")[1]) for each in of_column]) for of_column in ids)
    # Of the tenth that is of any of 8 groups an eighth is of the own: .9 + .0125.
    assert np.mean(queries % 8 == candidates // 50) == pytest.approx(0.9125, abs=0.005)


def test_a_model_is_back_when_it_is_as_good_as_before_in_the_slice_after_two_of_the_new():
    # The shift is in slice 4: slice 5 is asked after one slice of the new, slice 6 after two.
    found = shift.judge(np.array([0.6, 0.6, 0.6, 0.15, 0.4, 0.59, 0.6, 0.6]))
    assert (found["before"], found["fall"], found["after"]) == pytest.approx((0.6, 0.75, 0.59))
    assert found["is_back"]
    assert not shift.judge(np.array([0.6, 0.6, 0.6, 0.15, 0.4, 0.58, 0.6, 0.6]))["is_back"]
