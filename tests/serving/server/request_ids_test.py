import pytest

from serving.server import request_ids


def test_a_request_keeps_the_id_that_its_client_gave_it():
    assert str(request_ids.RequestId(lambda: "checkout-41/7")) == "checkout-41/7"
    metadata = (("user-agent", "grpc"), ("x-request-id", "checkout-41"))
    assert str(request_ids.of_metadata(lambda: metadata)) == "checkout-41"


@pytest.mark.parametrize("given", [None, "", "a b", "a\nb", "é", "x" * 129, b"bytes"])
def test_what_cannot_stand_in_a_log_line_is_replaced(given):
    made = str(request_ids.RequestId(lambda: given))
    assert made.isascii()
    assert made.isprintable()
    assert " " not in made
    assert made not in ("", given)


def test_an_id_that_is_made_up_stays_the_same_and_differs_from_others():
    first, second = (request_ids.RequestId(lambda: None) for _ in range(2))
    assert str(first) == str(first)
    assert str(first) != str(second)


def test_a_thread_that_works_for_no_request_has_an_id_all_the_same():
    assert request_ids.CURRENT.get() is None
    assert str(request_ids.current())
    token = request_ids.CURRENT.set(request_ids.RequestId(lambda: "mine"))
    assert str(request_ids.current()) == "mine"
    request_ids.CURRENT.reset(token)
