"""HTTP byte by byte, for what no client library would send."""

import contextlib
import socket
from collections.abc import Iterator

PREDICT = "/v1/models/tiny:predict"


def request(body: bytes = b'{"instances": [[0.0]]}', path: str = PREDICT, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@contextlib.contextmanager
def connection_to(server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.rest_api_port), timeout=30) as connection:
        yield connection


def until_closed(connection: socket.socket) -> bytes:
    """Returns all that comes before the server closes the connection, in whichever way."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def answer(connection: socket.socket) -> bytes:
    """Returns one answer with its head, and leaves the connection open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    assert piece, "the connection was closed within an answer"
    return piece
