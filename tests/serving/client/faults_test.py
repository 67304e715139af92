"""What a client makes of servers that are gone, slow or broken: always a `ServingError`, in the same words."""

import asyncio

import pytest

from serving import errors
from tests.serving import tiny_models
from tests.serving.client import faulty_server, four_clients, scripted_server

_REST_KINDS = [kind for kind in four_clients.KINDS if four_clients.is_rest(kind)]
_GRPC_KINDS = [kind for kind in four_clients.KINDS if not four_clients.is_rest(kind)]


@pytest.fixture(params=four_clients.KINDS)
def kind(request):
    return request.param


def _fail(kind, error_class, *behaviours, match, timeout_seconds=20.0):
    with (
        faulty_server.FaultyServer(*behaviours) as server,
        four_clients.make(kind, server.address) as asked,
        pytest.raises(errors.ServingError, match=match) as raised,
    ):
        asked.status("tiny", timeout_seconds=timeout_seconds)
    assert type(raised.value) is error_class
    return server


def test_no_server_at_the_address_is_unavailable(kind):
    port = tiny_models.free_port()
    with (
        four_clients.make(kind, f"127.0.0.1:{port}") as asked,
        pytest.raises(errors.UnavailableError, match=f"127.0.0.1:{port} cannot be reached .* Start the model server"),
    ):
        asked.status("tiny")


def test_a_host_that_is_unknown_is_unavailable(kind):
    # RFC 2606: no host is ever called this.
    with (
        four_clients.make(kind, "host.invalid:8500") as asked,
        pytest.raises(errors.UnavailableError, match=r"host\.invalid:8500 cannot be reached"),
    ):
        asked.status("tiny")


def test_a_connection_that_is_reset_is_unavailable(kind):
    _fail(kind, errors.UnavailableError, faulty_server.reset, match="cannot be reached")


def test_a_server_that_hangs_up_is_unavailable(kind):
    _fail(kind, errors.UnavailableError, faulty_server.hang_up, match="cannot be reached")


def test_a_server_that_keeps_silent_is_a_deadline(kind):
    _fail(
        kind,
        errors.DeadlineExceededError,
        faulty_server.keep_silent,
        match=r"127\.0\.0\.1:\d+ gave no answer within 0\.1 s\.$",
        timeout_seconds=0.1,
    )


@pytest.mark.parametrize("kind", _REST_KINDS)
@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\nX-Slow: 1", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n1"],
    ids=["head", "body"],
)
def test_an_answer_that_comes_byte_by_byte_does_not_outlast_the_deadline(kind, beginning):
    # Each byte comes in time; only the call as a whole takes too long.
    _fail(
        kind,
        errors.DeadlineExceededError,
        faulty_server.drip(beginning),
        match=r"gave no answer within 0\.2 s\.$",
        timeout_seconds=0.2,
    )


@pytest.mark.parametrize("kind", _REST_KINDS)
def test_a_server_that_does_not_read_does_not_outlast_the_deadline(kind):
    async def never_read(reader, writer):
        await asyncio.sleep(60)

    with (
        faulty_server.FaultyServer(never_read) as server,
        four_clients.make(kind, server.address) as asked,
        pytest.raises(errors.DeadlineExceededError),
    ):
        asked.status("a" * 16_000_000, timeout_seconds=0.5)


@pytest.mark.parametrize("kind", _REST_KINDS)
@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{",
    ],
    ids=["head", "body", "chunk"],
)
def test_half_of_an_answer_is_unavailable(kind, cut):
    _fail(kind, errors.UnavailableError, faulty_server.say(cut), match="cannot be reached")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"+OK ready\r\n\r\n", "does not answer as an HTTP server does"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
            "does not answer as an HTTP server does",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "does not answer as an HTTP server does"),
        (faulty_server.http(200, b"hello", "text/plain"), "The server did not answer JSON, but b'hello'."),
        (faulty_server.http(200, b"<html>", "text/html"), "The server did not answer JSON, but b'<html>'."),
        (faulty_server.http(200, b"\x1f\x8b\x08", "application/gzip"), r"The server did not answer JSON, but b'\\x1f"),
    ],
    ids=["no http", "chunk", "length", "text", "page", "gzip"],
)
@pytest.mark.parametrize("kind", _REST_KINDS)
def test_an_answer_that_is_garbled_is_told(kind, answer, text):
    _fail(kind, errors.InternalError, faulty_server.say(answer), match=text)


@pytest.mark.parametrize("kind", _GRPC_KINDS)
def test_an_address_that_does_not_speak_grpc_is_unavailable(kind):
    _fail(
        kind, errors.UnavailableError, faulty_server.say(faulty_server.http(200, b"hello")), match="cannot be reached"
    )


@pytest.mark.parametrize("kind", _GRPC_KINDS)
def test_a_message_that_is_garbled_is_told(kind):
    with (
        scripted_server.scripted(kind, "GARBLED") as script,
        four_clients.make(kind, script.address) as asked,
        pytest.raises(errors.InternalError),
    ):
        asked.status("tiny")


@pytest.mark.parametrize("code", scripted_server.HTTP_STATUS)
def test_an_error_of_the_server_keeps_its_code_and_its_words(kind, code):
    with (
        scripted_server.scripted(kind, code) as script,
        four_clients.make(kind, script.address) as asked,
        pytest.raises(errors.ServingError) as raised,
    ):
        asked.status("tiny")
    assert (raised.value.code.name, str(raised.value)) == (code, f"scripted {code}")


@pytest.mark.parametrize(
    "url", ["localhost:8501", "ftp://a", "http://", "http://a:b", "http://a/?q", "http://a b", "", None]
)
@pytest.mark.parametrize("kind", _REST_KINDS)
def test_a_url_that_is_none_is_refused(kind, url):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        four_clients.CLASSES[kind](url)
    assert str(refusal.value) == f"url must be like http://localhost:8501 or https://host, but is {url!r}."


@pytest.mark.parametrize("address", ["http://localhost:8500", "", None])
@pytest.mark.parametrize("kind", _GRPC_KINDS)
def test_an_address_that_is_none_is_refused(kind, address):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        four_clients.CLASSES[kind](address)
    assert str(refusal.value) == f"address must be like localhost:8500 or unix:/run/server.sock, but is {address!r}."
