from serving.server import load_attempts


def test_a_version_is_tried_once_and_then_as_often_as_there_are_retries():
    attempts = load_attempts.LoadAttempts(max_num_retries=2, retry_interval_seconds=0.0)
    outcomes = [attempts.note_failure(7) for _ in range(3)]
    assert [outcome.num_attempts for outcome in outcomes] == [1, 2, 3]
    assert [outcome.retry_at is None for outcome in outcomes] == [False, False, True]
    assert attempts.due([8, 7]) == [8]


def test_a_failed_version_waits_for_its_retry():
    attempts = load_attempts.LoadAttempts(max_num_retries=1, retry_interval_seconds=3600.0)
    moment = attempts.note_failure(7).retry_at
    assert attempts.due([7, 6]) == [6]
    assert attempts.next_retry_at() == moment
    assert attempts.have_failed(7)
    assert not attempts.have_failed(7, is_retried=True)
    assert not attempts.have_failed(6)


def test_a_version_that_went_away_starts_anew():
    attempts = load_attempts.LoadAttempts(max_num_retries=0, retry_interval_seconds=0.0)
    for version in (6, 7):
        attempts.note_failure(version)
    attempts.forget_all_but([6])
    assert attempts.due([6, 7]) == [7]
    attempts.forget(6)
    assert attempts.due([6, 7]) == [6, 7]
    assert attempts.next_retry_at() == float("inf")
