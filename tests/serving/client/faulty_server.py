"""A server on a socket that does to its connections what networks and broken servers do."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine]


class FaultyServer:
    """Treats its n-th connection by its n-th behaviour, later ones by the last; runs while the block does."""

    def __init__(self, *behaviours: Behaviour, ssl_context: ssl.SSLContext | None = None):
        self._behaviours = behaviours
        self._ssl_context = ssl_context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks = set()
        self.num_connections = 0
        self.port = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *exc_info):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self):
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._ssl_context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _handle(self, reader, writer):
        behaviour = self._behaviours[min(self.num_connections, len(self._behaviours) - 1)]
        self.num_connections += 1
        self._tasks.add(asyncio.current_task())
        # What the other side does to a connection that is being maltreated is not of interest.
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await behaviour(reader, writer)
        writer.close()


async def reset(reader, writer):
    """Breaks the connection as soon as something is asked."""
    await reader.read(1)
    # With a linger time of zero, closing sends a reset.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(reader, writer):
    """Closes the connection as soon as something is asked, as a server does that ends."""
    await reader.read(65536)


async def keep_silent(reader, writer):
    """Takes what comes and never answers."""
    while await reader.read(65536):
        pass


def say(answer: bytes) -> Behaviour:
    """Answers the same to whatever is asked, and closes."""

    async def behave(reader, writer):
        await reader.read(65536)
        writer.write(answer)
        await writer.drain()

    return behave


def drip(beginning: bytes) -> Behaviour:
    """Begins an answer and goes on byte by byte, without an end."""

    async def behave(reader, writer):
        await reader.read(65536)
        writer.write(beginning)
        while True:
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b"1")

    return behave


def pass_on(port: int) -> Behaviour:
    """Connects to a port of this machine and passes on what either side says."""

    async def behave(reader, writer):
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))
        finally:
            other_writer.close()

    return behave


async def _copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


class Leaving:
    """Speaks as much HTTP/2 as it takes to say with each request that it leaves and has not read it; counts them.

    Frames are those of RFC 9113, section 6.
    """

    _PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    _HEADERS, _SETTINGS, _GOAWAY = 1, 4, 7

    def __init__(self):
        self.num_requests = 0

    async def __call__(self, reader, writer):
        await reader.readexactly(len(self._PREFACE))
        writer.write(self._frame(self._SETTINGS, b""))
        while True:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3]))
            if head[3] == self._HEADERS:
                self.num_requests += 1
                # The last stream that was read is 0, none; the reason is 0, no error.
                writer.write(self._frame(self._GOAWAY, bytes(8)))

    @staticmethod
    def _frame(kind, payload):
        # Length, kind, no flags, and stream 0, the connection itself.
        return len(payload).to_bytes(3) + bytes([kind, 0]) + bytes(4) + payload


def http(status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """Returns an answer after which the connection is closed."""
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n".encode() + body
