from tensorflow.core.protobuf import config_pb2

from serving.server import run_pace


def _options(pace, deadline=None):
    return config_pb2.RunOptions.FromString(pace.pool_options(1000.0, deadline))


def _known():
    pace = run_pace.RunPace()
    for each in (5.0, 0.001):
        pace.note(each, 0.0)
    return pace


def test_nothing_is_known_of_the_first_runs_so_deadlines_hold():
    pace = run_pace.RunPace()
    for seconds in (5.0, 0.001):
        assert not pace.is_quick
        assert _options(pace, 1002.5).timeout_in_ms == 2500
        assert _options(pace) == config_pb2.RunOptions()
        pace.note(seconds, 0.0)
    # The first run was long, as first runs are.
    assert pace.is_quick


def test_quick_runs_stay_in_the_callers_thread():
    pace = _known()
    for _ in range(1000):
        pace.note(0.09, 0.009)
        assert pace.is_quick


def test_after_a_long_run_a_hundred_are_handed_over():
    pace = _known()
    pace.note(0.011, 0.011)
    for _ in range(100):
        assert not pace.is_quick
        assert _options(pace, 1001.0).timeout_in_ms == 1000
        # A little is the time that Python let wait.
        pace.note(0.09, 0.0)
    assert pace.is_quick


def test_what_the_clock_calls_quick_was_quick_however_busy_its_thread_was():
    pace = _known()
    assert pace.is_quick_run(0.01)
    pace.note(0.01, 0.01)
    assert pace.is_quick
    assert not pace.is_quick_run(0.0101)
    pace.note(0.0101, 0.0101)
    assert not pace.is_quick


def test_a_run_is_expected_to_be_short_when_one_of_the_last_eight_was():
    pace = run_pace.RunPace()
    for seconds in (5.0, 0.0001):
        assert not pace.is_short
        pace.note(seconds, 0.0)
    assert pace.is_short
    # By the clock, as the processor waits too.
    for _ in range(7):
        pace.note(0.05, 0.0)
    assert pace.is_short
    pace.note(0.05, 0.0)
    assert not pace.is_short
    pace.note(0.0002, 0.0)
    assert pace.is_short
    pace.note(0.011, 0.011)
    assert not pace.is_short


def test_what_takes_long_is_always_handed_over():
    pace = _known()
    pace.note(1.0, 0.0)
    for _ in range(500):
        assert not pace.is_quick
        pace.note(1.0, 0.0)


def test_a_deadline_within_the_millisecond_is_not_none_at_all():
    assert _options(run_pace.RunPace(), 1000.0001).timeout_in_ms == 1
