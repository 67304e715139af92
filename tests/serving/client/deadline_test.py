import pytest

from serving import errors
from serving.client import deadline


def test_what_remains_shrinks_with_the_clock_and_goes_below_zero():
    now = [100.0]
    by = deadline.Deadline(10.0, lambda: now[0])
    assert (by.moment, by.remaining_seconds()) == (110.0, 10.0)
    now[0] = 111.0
    assert by.remaining_seconds() == -1.0


@pytest.mark.parametrize("timeout", [0, -1.0, float("inf"), float("nan"), True, "1"])
def test_a_timeout_that_is_no_positive_number_is_refused(timeout):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        deadline.Deadline(timeout)
    assert str(refusal.value) == f"timeout_seconds must be a positive number of seconds, but is {timeout!r}."
