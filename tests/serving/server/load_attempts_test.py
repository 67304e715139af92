import pathlib
import time

from serving import errors
from serving.server import load_attempts

_ERROR = errors.DataLossError("torn")


def test_a_version_is_tried_once_and_then_as_often_as_there_are_retries():
    attempts = load_attempts.LoadAttempts(max_num_retries=2, retry_interval_seconds=0.0)
    assert [attempts.note_failure(7, _ERROR) for _ in range(3)] == [
        "attempt 1 of 3, next attempt in 0 s",
        "attempt 2 of 3, next attempt in 0 s",
        "attempt 3 of 3, giving up",
    ]
    assert attempts.have_failed(7, is_retried=True)
    assert attempts.due([8, 7]) == [8]


def test_a_failed_version_waits_for_its_retry():
    attempts = load_attempts.LoadAttempts(max_num_retries=1, retry_interval_seconds=3600.0)
    before = time.monotonic()
    attempts.note_failure(7, _ERROR)
    assert attempts.due([7, 6]) == [6]
    assert before + 3600.0 <= attempts.next_retry_at([6, 7]) <= time.monotonic() + 3600.0
    # Nobody waits for a version that is not wanted.
    assert attempts.next_retry_at([6]) == float("inf")
    assert str(attempts.failure_of("tiny", 7, pathlib.Path("/models/tiny"))) == (
        "Model tiny did not become available: version 7 could not be loaded (DATA_LOSS: torn), and no other version "
        "could. Mend or remove the folders under /models/tiny."
    )
    assert attempts.have_failed(7)
    assert not attempts.have_failed(7, is_retried=True)
    assert not attempts.have_failed(6)


def test_a_version_that_went_away_starts_anew():
    attempts = load_attempts.LoadAttempts(max_num_retries=0, retry_interval_seconds=0.0)
    for version in (6, 7):
        attempts.note_failure(version, _ERROR)
    attempts.forget_all_but([6])
    assert attempts.due([6, 7]) == [7]
    attempts.forget(6)
    assert attempts.due([6, 7]) == [6, 7]
    assert attempts.next_retry_at([6, 7]) == float("inf")
