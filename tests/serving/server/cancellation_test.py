import pytest

from serving import errors
from serving.server import cancellation


def _cancelled():
    made = cancellation.Cancellation()
    made.cancel()
    return made


def test_the_listener_is_told_once():
    told = []
    made = cancellation.Cancellation()
    made.listen(lambda: told.append(made.is_cancelled))
    assert not made.is_cancelled
    made.cancel()
    made.cancel()
    assert told == [True]


def test_a_listener_that_comes_late_is_told_at_once():
    told = []
    _cancelled().listen(lambda: told.append(True))
    assert told == [True]


def test_whoever_listens_no_more_is_not_told():
    told = []
    made = cancellation.Cancellation()
    made.listen(lambda: told.append(True))
    made.listen(None)
    made.cancel()
    assert (told, made.is_cancelled) == ([], True)


@pytest.mark.parametrize(
    ("deadline", "made", "reason"),
    [
        (None, None, type(None)),
        (5.5, cancellation.Cancellation(), type(None)),
        (5.0, None, errors.DeadlineExceededError),
        (None, _cancelled(), errors.CancelledError),
        (9.0, _cancelled(), errors.CancelledError),
    ],
)
def test_a_call_runs_unless_it_was_cancelled_or_its_deadline_has_come(deadline, made, reason):
    assert isinstance(cancellation.why_not_run(deadline, made, now=5.0), reason)
