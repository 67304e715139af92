"""Where a REST client connects to: what an address says, and proxies."""

import base64

import pytest

from serving import errors
from serving.client import rest_connections
from tests.serving.client import faulty_server, four_clients

_REST_KINDS = [kind for kind in four_clients.KINDS if four_clients.is_rest(kind)]
_GRPC_KINDS = [kind for kind in four_clients.KINDS if not four_clients.is_rest(kind)]


@pytest.mark.parametrize(
    ("given", "url", "host"),
    [
        ("http://localhost:8501/", "http://localhost:8501", "localhost:8501"),
        ("https://models.example/serving/", "https://models.example/serving", "models.example"),
        # RFC 9110, section 7.2: the brackets of an IPv6 address belong to the Host header.
        ("http://[::1]:8501", "http://[::1]:8501", "[::1]:8501"),
    ],
)
def test_an_address_names_url_and_host(given, url, host):
    endpoint = rest_connections.Endpoint.parse(given)
    assert (endpoint.url, endpoint.headers_for(None)) == (url, [("Host", host)])
    assert endpoint.headers_for(b"{}") == [("Host", host), ("Content-Type", "application/json")]


def test_user_and_password_are_sent_and_never_told():
    endpoint = rest_connections.Endpoint.parse("http://me:p%40ss@localhost:8501")
    assert endpoint.url == "http://localhost:8501"
    # RFC 7617: base64 of user, colon, password.
    assert endpoint.headers[1] == ("Authorization", f"Basic {base64.b64encode(b'me:p@ss').decode()}")


@pytest.fixture
def proxy(monkeypatch, playground):
    """A proxy in front of the server, named in the environment as every program finds it."""
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with faulty_server.FaultyServer(faulty_server.pass_on(playground.rest_api_port)) as server:
        monkeypatch.setenv("http_proxy", f"http://me:secret@{server.address}")
        yield server


@pytest.mark.parametrize("kind", _REST_KINDS)
def test_a_proxy_of_the_environment_is_used_if_asked_for(kind, proxy, monkeypatch):
    # RFC 2606: only a proxy can know this host.
    with four_clients.make(kind, "models.invalid", use_proxies=True) as asked:
        assert asked.predict("tiny", {"x": [[1.0]]})["y"].item() == 2.5
    monkeypatch.setenv("no_proxy", "models.invalid")
    for options in ({}, {"use_proxies": True}):
        with four_clients.make(kind, "models.invalid", **options) as asked, pytest.raises(errors.UnavailableError):
            asked.predict("tiny", {"x": [[1.0]]})


@pytest.mark.parametrize("kind", _GRPC_KINDS)
def test_grpc_passes_a_proxy_by_unless_asked(kind, proxy, playground):
    with four_clients.connected(kind, playground) as asked:
        assert asked.predict("tiny", {"x": [[1.0]]})["y"].item() == 2.5
    assert proxy.num_connections == 0
    with four_clients.connected(kind, playground, use_proxies=True) as asked, pytest.raises(errors.ServingError):
        asked.status("tiny", timeout_seconds=5.0)
    assert proxy.num_connections > 0
