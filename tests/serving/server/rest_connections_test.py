"""Clients of the REST port that take their time, come in crowds, or speak no HTTP."""

import asyncio
import contextlib
import json
import socket
import threading
import time

import pytest
from aiohttp import web

from serving.server import rest_connections
from tests.serving import tiny_models
from tests.serving.server import raw_http

_SECONDS = 0.3


@pytest.fixture(scope="module")
def server(playground_dir):
    with tiny_models.running_server(playground_dir.parent, rest_api_timeout_in_ms=int(_SECONDS * 1000)) as config:
        yield config


def _body(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("sent", [b"", b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: loc"], ids=["none", "half"])
def test_headers_that_do_not_come_end_the_connection(server, sent):
    with raw_http.connection_to(server) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        assert raw_http.until_closed(connection) == b""
        assert time.monotonic() - started < 10 * _SECONDS


def test_headers_that_trickle_end_the_connection_too(server):
    with raw_http.connection_to(server) as connection:
        begun = time.monotonic()
        while _is_open_after(connection, b"X"):
            assert time.monotonic() - begun < 10 * _SECONDS
            time.sleep(0.05)


def _is_open_after(connection, piece):
    try:
        connection.sendall(piece)
    except ConnectionError:
        return False
    return True


def test_a_body_that_takes_too_long_is_told(server):
    with raw_http.connection_to(server) as connection:
        connection.sendall(raw_http.request()[:-1])
        answer = raw_http.answer(connection)
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert _body(answer) == {
        "error": "The body of POST /v1/models/tiny:predict took longer than 300 ms to arrive "
        "(--rest_api_timeout_in_ms)."
    }


def test_a_client_that_asks_whether_its_body_may_come_is_told(server):
    asking = raw_http.request(headers="Expect: 100-continue\r\n")
    head, _, body = asking.partition(b"\r\n\r\n")
    with raw_http.connection_to(server) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert _body(raw_http.answer(connection)) == {"predictions": [[2.0]]}


def test_a_client_that_expects_anything_else_is_refused(server):
    with raw_http.connection_to(server) as connection:
        connection.sendall(raw_http.request(headers="Expect: a miracle\r\n"))
        answer = raw_http.answer(connection)
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert _body(answer) == {"error": "The header Expect may be 100-continue, but is a miracle; leave it out."}


def test_a_connection_that_is_idle_after_an_answer_is_kept(server):
    with raw_http.connection_to(server) as connection:
        connection.sendall(raw_http.request())
        assert raw_http.answer(connection).startswith(b"HTTP/1.1 200 ")
        time.sleep(3 * _SECONDS)
        connection.sendall(raw_http.request())
        assert raw_http.answer(connection).startswith(b"HTTP/1.1 200 ")


def test_a_connection_whose_request_was_refused_before_its_body_came_is_kept_too(server):
    with raw_http.connection_to(server) as connection:
        sent = raw_http.request(path="/nowhere")
        connection.sendall(sent[:-5])
        assert raw_http.answer(connection).startswith(b"HTTP/1.1 404 ")
        connection.sendall(sent[-5:])
        time.sleep(5 * _SECONDS)
        connection.sendall(raw_http.request())
        assert raw_http.answer(connection).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_taken_slowly_but_steadily_is_taken_whole():
    num_pieces, piece = 128, 1 << 19

    async def answer(request):
        del request
        return web.Response(body=bytes(num_pieces * piece))

    async def take():
        connections = rest_connections.RestConnections(web.Server(answer), 0.5)
        accepting = await asyncio.get_running_loop().create_server(connections, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*accepting.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        started = time.monotonic()
        for _ in range(num_pieces):
            await reader.readexactly(piece)
            # A megabyte in far less than the half second that it may take, all of it in far more.
            await asyncio.sleep(0.012)
        accepting.close()
        writer.close()
        return time.monotonic() - started

    assert asyncio.run(take()) > 2 * 0.5


def test_an_answer_that_nobody_takes_ends_the_connection(playground_dir):
    text = "x" * (1 << 24)
    body = json.dumps({"signature_name": "text", "inputs": [text]}).encode()
    with (
        tiny_models.running_server(playground_dir.parent, rest_api_timeout_in_ms=2000) as server,
        socket.socket() as connection,
    ):
        # With a small window little of the answer is on its way, and the rest lies in the server.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.rest_api_port))
        connection.sendall(raw_http.request(body))
        assert connection.recv(12) == b"HTTP/1.1 200"
        time.sleep(4.0)
        assert len(raw_http.until_closed(connection)) < 2 * len(text)


def test_connections_beyond_half_of_the_files_are_closed(playground_dir, monkeypatch, caplog):
    monkeypatch.setattr(rest_connections.resource, "getrlimit", lambda kind: (4, 4))
    with (
        tiny_models.running_server(playground_dir.parent) as server,
        raw_http.connection_to(server) as first,
    ):
        with raw_http.connection_to(server) as second, raw_http.connection_to(server) as third:
            for kept in (first, second):
                kept.sendall(raw_http.request())
                assert raw_http.answer(kept).startswith(b"HTTP/1.1 200 ")
            assert raw_http.until_closed(third) == b""
        assert "Closed a connection: the REST port has 2, half of the files" in caplog.text

        def is_answered():
            with raw_http.connection_to(server) as next_one:
                next_one.sendall(raw_http.request())
                return next_one.recv(12) == b"HTTP/1.1 200"

        # The one that was closed made room.
        tiny_models.wait_until(is_answered)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: a\r\n: \xff\xff\r\n\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_with_a_sentence(playground, sent):
    with raw_http.connection_to(playground) as connection:
        connection.sendall(sent)
        answer = raw_http.until_closed(connection)
    assert answer.startswith(b"HTTP/1.")
    assert answer[9:12] == b"400"
    assert _body(answer) == {"error": "The request is not HTTP as it should be."}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_not_encoded_as_its_headers_say_is_refused(playground, encoding):
    with raw_http.connection_to(playground) as connection:
        connection.sendall(raw_http.request(headers=f"Content-Encoding: {encoding}\r\n"))
        answer = raw_http.until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert _body(answer) == {"error": "The body is cut off, or not encoded as its headers say."}


def test_a_stopping_server_says_that_an_answer_is_the_last_of_its_connection(playground_dir):
    answers, asked = [], threading.Event()

    def ask(connection):
        while not answers or b"connection: close" not in answers[-1].lower():
            connection.sendall(raw_http.request())
            answers.append(raw_http.answer(connection))
            asked.set()

    with contextlib.ExitStack() as opened:
        with tiny_models.running_server(playground_dir.parent) as server:
            asking = threading.Thread(target=ask, args=[opened.enter_context(raw_http.connection_to(server))])
            asking.start()
            assert asked.wait(30)
        asking.join(30)
    assert b"connection: close" in answers[-1].lower()
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
