"""The rules of repetition, by hand on a clock that only moves when told."""

import random

import pytest

from serving import client, errors
from serving.client import deadline, exchange, model_request, model_spec

_REQUEST = model_request.StatusRequest(model_spec.ModelSpec("shop"))


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def _asking(attempts, clock=None, timeout_seconds=10.0, **options):
    by = deadline.Deadline(timeout_seconds, clock or _Clock())
    return exchange.Exchange(by, client.Retries(attempts, **options), random.Random(0)).ask(_REQUEST)


def test_an_answer_is_passed_on():
    steps = _asking(attempts=3)
    sent = next(steps)
    assert (sent.request, sent.by.remaining_seconds()) == (_REQUEST, 10.0)
    with pytest.raises(StopIteration) as stop:
        steps.send("answer")
    assert stop.value.value == "answer"


@pytest.mark.parametrize("error_class", [errors.UnavailableError, errors.ResourceExhaustedError])
def test_what_may_pass_is_sent_as_often_as_allowed_and_then_raised(error_class):
    steps = _asking(attempts=3)
    kinds = [type(next(steps))]
    for _ in range(2):
        kinds += [type(steps.throw(error_class("busy"))), type(next(steps))]
    assert kinds == [exchange.Send, exchange.Wait, exchange.Send, exchange.Wait, exchange.Send]
    last = error_class("busy still")
    with pytest.raises(error_class) as raised:
        steps.throw(last)
    assert raised.value is last


@pytest.mark.parametrize(
    "error_class",
    sorted(
        set(errors.ServingError.__subclasses__()) - {errors.UnavailableError, errors.ResourceExhaustedError},
        key=lambda error_class: error_class.code,
    ),
)
def test_nothing_else_is_sent_again(error_class):
    steps = _asking(attempts=3)
    next(steps)
    with pytest.raises(error_class):
        steps.throw(error_class("no"))


def test_a_single_attempt_is_never_repeated():
    steps = _asking(attempts=1)
    next(steps)
    with pytest.raises(errors.UnavailableError):
        steps.throw(errors.UnavailableError("gone"))


def test_a_repetition_that_could_only_begin_after_the_deadline_is_not_waited_for():
    clock = _Clock()
    steps = _asking(5, clock, timeout_seconds=1.0, initial_backoff_seconds=0.5, maximum_backoff_seconds=0.5)
    next(steps)
    # Any wait drawn from (0, .5) fits into the whole second.
    assert isinstance(steps.throw(errors.UnavailableError("gone")), exchange.Wait)
    next(steps)
    clock.now = 1.0
    with pytest.raises(errors.UnavailableError):
        steps.throw(errors.UnavailableError("gone"))
