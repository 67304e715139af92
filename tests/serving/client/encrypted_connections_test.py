"""TLS for all four clients, with and without a certificate of their own, and the Unix socket of gRPC."""

import ssl

import pytest
import trustme

from serving import errors
from tests.serving import tiny_models
from tests.serving.client import faulty_server, four_clients

_X = {"x": [[1.0]]}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(params=four_clients.KINDS)
def kind(request):
    return request.param


def _in_front_of(playground, kind, authority, asks_for_certificate=False):
    """Speaks TLS to the client and passes the rest on to the server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["http/1.1" if four_clients.is_rest(kind) else "h2"])
    context.verify_mode = ssl.CERT_REQUIRED if asks_for_certificate else ssl.CERT_NONE
    through = faulty_server.pass_on(four_clients.port_of(kind, playground))
    return faulty_server.FaultyServer(through, ssl_context=context)


def _believing(kind, authority, own=None):
    """Returns the options of a client that believes in an authority, and may have a certificate of its own."""
    if four_clients.is_rest(kind):
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if own:
            own.configure_cert(context)
        return {"verify": context}
    options = {"root_certificates": authority.cert_pem.bytes()}
    if own:
        options["private_key"] = own.private_key_pem.bytes()
        options["certificate_chain"] = own.cert_chain_pems[0].bytes()
    return options


def _make(kind, server, **options):
    address = f"https://{server.address}" if four_clients.is_rest(kind) else server.address
    return four_clients.make(kind, address, **options)


def test_a_server_with_a_certificate_is_asked_over_tls(kind, playground, authority):
    with (
        _in_front_of(playground, kind, authority) as server,
        _make(kind, server, **_believing(kind, authority)) as asked,
    ):
        assert asked.predict("tiny", _X)["y"].item() == 2.5


def test_a_server_that_asks_for_a_certificate_gets_the_clients(kind, playground, authority):
    own = authority.issue_cert("client@example.org")
    with (
        _in_front_of(playground, kind, authority, asks_for_certificate=True) as server,
        _make(kind, server, **_believing(kind, authority, own)) as asked,
    ):
        assert asked.predict("tiny", _X)["y"].item() == 2.5


def test_a_client_without_the_certificate_that_is_asked_for_is_turned_away(kind, playground, authority):
    with (
        _in_front_of(playground, kind, authority, asks_for_certificate=True) as server,
        _make(kind, server, **_believing(kind, authority)) as asked,
        pytest.raises(errors.UnavailableError, match="cannot be reached"),
    ):
        asked.predict("tiny", _X)


def test_a_server_whose_certificate_the_client_does_not_believe_is_not_asked(kind, playground, authority):
    with (
        _in_front_of(playground, kind, authority) as server,
        _make(kind, server, **_believing(kind, trustme.CA())) as asked,
        pytest.raises(errors.UnavailableError, match="cannot be reached"),
    ):
        asked.predict("tiny", _X)


@pytest.mark.parametrize("kind", ["rest", "async rest"])
def test_the_check_of_a_certificate_can_be_left_out_but_is_not_by_default(kind, playground, authority):
    with _in_front_of(playground, kind, authority) as server:
        with _make(kind, server, verify=False) as asked:
            assert asked.predict("tiny", _X)["y"].item() == 2.5
        with _make(kind, server) as asked, pytest.raises(errors.UnavailableError, match="cannot be reached"):
            asked.predict("tiny", _X)


@pytest.mark.parametrize("kind", ["grpc", "async grpc"])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"root_certificates": "ca.pem"}, "root_certificates takes the bytes of a PEM file, but got str that is none;"),
        ({"root_certificates": b"\x30\x82"}, "root_certificates takes the bytes of a PEM file, but got bytes that is"),
        ({"private_key": b"-----BEGIN PRIVATE KEY-----"}, "private_key and certificate_chain belong together; give"),
    ],
)
def test_certificates_that_are_none_are_refused(kind, given, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        four_clients.make(kind, "localhost:8500", **given)
    assert str(refusal.value).startswith(text)


@pytest.mark.parametrize("kind", ["grpc", "async grpc"])
def test_a_unix_socket_is_asked(kind, playground_dir, tmp_path):
    socket_path = str(tmp_path / "s")
    with (
        tiny_models.running_server(playground_dir.parent, grpc_socket_path=socket_path, rest_api_port=0, port=0),
        four_clients.make(kind, f"unix:{socket_path}") as asked,
    ):
        assert asked.predict("tiny", _X)["y"].item() == 2.5
