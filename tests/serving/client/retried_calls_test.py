"""What is sent again and what is not, counted by the server."""

import pytest

from serving import client, errors
from tests.serving.client import faulty_server, four_clients, scripted_server

_QUICK = {"initial_backoff_seconds": 0.001, "maximum_backoff_seconds": 0.002}


@pytest.fixture(params=four_clients.KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_nothing_is_sent_twice_unless_asked_for(kind, code):
    with scripted_server.scripted(kind, code) as script, four_clients.make(kind, script.address) as asked:
        with pytest.raises(errors.ServingError):
            asked.status("tiny")
        assert script.num_requests() == 1


@pytest.mark.parametrize("kind", [kind for kind in four_clients.KINDS if not four_clients.is_rest(kind)])
def test_grpc_does_not_repeat_by_itself_what_a_server_has_not_read(kind):
    # Left to itself it would (gRPC proposal A6, "transparent retries").
    leaving = faulty_server.Leaving()
    with faulty_server.FaultyServer(leaving) as server, four_clients.make(kind, server.address) as asked:
        with pytest.raises(errors.UnavailableError):
            asked.status("tiny")
        assert leaving.num_requests == 1


@pytest.mark.parametrize("kind", [kind for kind in four_clients.KINDS if four_clients.is_rest(kind)])
@pytest.mark.parametrize("behaviour", [faulty_server.reset, faulty_server.hang_up])
def test_rest_does_not_connect_again_by_itself(kind, behaviour):
    with faulty_server.FaultyServer(behaviour) as server, four_clients.make(kind, server.address) as asked:
        with pytest.raises(errors.UnavailableError):
            asked.status("tiny")
        assert server.num_connections == 1


def test_a_request_is_sent_until_it_is_answered(kind):
    retries = client.Retries(attempts=3, **_QUICK)
    with (
        scripted_server.scripted(kind, "UNAVAILABLE", "RESOURCE_EXHAUSTED", "OK") as script,
        four_clients.make(kind, script.address, retries=retries) as asked,
    ):
        assert [status.version for status in asked.status("tiny")] == [7]
        assert script.num_requests() == 3


def test_a_request_is_not_sent_more_often_than_allowed(kind):
    retries = client.Retries(attempts=3, **_QUICK)
    with (
        scripted_server.scripted(kind, "UNAVAILABLE") as script,
        four_clients.make(kind, script.address, retries=retries) as asked,
    ):
        with pytest.raises(errors.UnavailableError, match=r"^scripted UNAVAILABLE$"):
            asked.status("tiny")
        assert script.num_requests() == 3


@pytest.mark.parametrize("code", sorted(scripted_server.HTTP_STATUS.keys() - {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}))
def test_what_another_attempt_would_not_mend_is_sent_once(kind, code):
    retries = client.Retries(attempts=3, **_QUICK)
    with (
        scripted_server.scripted(kind, code) as script,
        four_clients.make(kind, script.address, retries=retries) as asked,
    ):
        with pytest.raises(errors.ServingError):
            asked.status("tiny")
        assert script.num_requests() == 1


def test_repetitions_end_with_the_deadline(kind):
    retries = client.Retries(attempts=10**6, initial_backoff_seconds=0.01, maximum_backoff_seconds=0.02)
    with (
        scripted_server.scripted(kind, "UNAVAILABLE") as script,
        four_clients.make(kind, script.address, retries=retries, timeout_seconds=0.3) as asked,
    ):
        with pytest.raises((errors.UnavailableError, errors.DeadlineExceededError)):
            asked.status("tiny")
        assert script.num_requests() > 1


def test_a_broken_connection_is_made_again(kind, playground):
    retries = client.Retries(attempts=100, initial_backoff_seconds=0.05, maximum_backoff_seconds=0.1)
    through = faulty_server.pass_on(four_clients.port_of(kind, playground))
    with (
        faulty_server.FaultyServer(faulty_server.reset, faulty_server.hang_up, through) as server,
        four_clients.make(kind, server.address, retries=retries) as asked,
    ):
        assert asked.predict("tiny", {"x": [[1.0]]})["y"].item() == 2.5
        assert server.num_connections >= 3


@pytest.mark.parametrize("kind", [kind for kind in four_clients.KINDS if not four_clients.is_rest(kind)])
def test_a_grpc_server_is_told_when_to_give_up(kind):
    with (
        scripted_server.scripted(kind, "OK") as script,
        four_clients.make(kind, script.address, timeout_seconds=1000.0) as asked,
    ):
        asked.status("tiny")
        asked.status("tiny", timeout_seconds=100.0)
    # On the wire the time has few digits and is rounded up.
    assert 110 < script.time_remaining[0] <= 1100
    assert 0 < script.time_remaining[1] <= 110
