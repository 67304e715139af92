"""Connections for httpcore whose every wait ends at the deadline of the call they serve. Importing it loads httpcore.

The timeouts of HTTP libraries begin anew with each piece that arrives, so a server which sends a byte now and then
could hold a call forever. Here each `timeout` is no span, but a moment of `time.monotonic`: httpcore hands the
numbers of a request's `timeout` extension through to the connection as they are.
"""

import contextlib
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import httpcore

from serving.client import deadline

# As much as a socket takes at once when it can be written to.
_PIECE_BYTES = 1 << 14


def until(by: deadline.Deadline) -> dict[str, Any]:
    """Returns the extensions of a request that has to be over by then."""
    return {"timeout": dict.fromkeys(("connect", "read", "write"), by.moment)}


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections, until it is closed with all that it opened.

    httpcore's pool closes only connections that have come to it, and so not one that a thread has just opened. Looking
    up a host's name, which the operating system does, takes its own time.
    """

    def __init__(self):
        self._plain = httpcore.SyncBackend()
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[DeadlineStream] = weakref.WeakSet()
        self._is_closed = False

    def close(self) -> None:
        """Hangs up on every connection; no other can be opened."""
        with self._lock:
            self._is_closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.close()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable | None = None,
    ) -> "DeadlineStream":
        """Connects to the first of the host's addresses that answers."""
        failure = None
        for address in _addresses(host, port):
            remaining = _remaining(timeout, httpcore.ConnectTimeout)
            try:
                plain = self._plain.connect_tcp(address, port, remaining, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return self._keep(DeadlineStream(plain, self._keep))
        raise failure

    def _keep(self, stream: "DeadlineStream") -> "DeadlineStream":
        with self._lock:
            if not self._is_closed:
                self._streams.add(stream)
                return stream
        stream.close()
        raise httpcore.ConnectError("closed while it was opened")


class DeadlineStream(httpcore.NetworkStream):
    """One connection of a `DeadlineBackend`, which keeps it and the encrypted one that it becomes."""

    def __init__(self, plain: httpcore.NetworkStream, keep: Callable[["DeadlineStream"], "DeadlineStream"]):
        self._plain = plain
        self._keep = keep

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Returns what has come, nothing if the other side has hung up."""
        return self._plain.read(max_bytes, _remaining(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of it, piece by piece, for the wait of each is bounded by itself."""
        view = memoryview(buffer)
        for start in range(0, len(view), _PIECE_BYTES):
            piece = view[start : start + _PIECE_BYTES]
            self._plain.write(piece, _remaining(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Hangs up, which also wakes a thread that waits for an answer."""
        with contextlib.suppress(OSError):
            self._plain.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "DeadlineStream":
        """Returns the same connection, encrypted."""
        remaining = _remaining(timeout, httpcore.ConnectTimeout)
        return self._keep(DeadlineStream(self._plain.start_tls(ssl_context, server_hostname, remaining), self._keep))

    def get_extra_info(self, info: str) -> Any:
        """Returns what is known of the connection."""
        return self._plain.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(error) from error
    return [address[0] for *_, address in found]


def _remaining(moment: float | None, late: type[Exception]) -> float | None:
    if moment is None:
        return None
    remaining = moment - monotonic()
    if remaining <= 0:
        raise late
    return remaining
