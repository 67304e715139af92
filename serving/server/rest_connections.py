"""Connections of the REST port: how many there may be, how long each may make the server wait, and how they end."""

import asyncio
import resource

import aiohttp
from absl import logging
from aiohttp import web

from serving.server import json_answer, repeated_warning

# Longer than load balancers keep a connection unused; where the server is the first to close one, a request is lost.
_KEEPALIVE_SECONDS = 620.0
_MOST_SECONDS_BETWEEN_LOOKS = 1.0
_SHARE_OF_FILES = 0.5
# Of an answer that is too large for the time it may lie here: slow clients go on, those that pretend to be do not.
_LEAST_BYTES_TAKEN = 1 << 20
_SECONDS_TO_SAY_GOODBYE = 0.25
_SECONDS_BETWEEN_CHECKS = 0.01


class RestConnections:
    """Makes the protocol of each connection, and ends those that take too long. Lives on one event loop.

    A request whose headers trickle in, and an answer that nobody takes, cost a connection and its memory for as long
    as the client likes; aiohttp bounds only how long a connection may be idle.

    Args:
      server: takes the requests.
      longest_seconds: that headers may take, from their first byte or from the beginning of the connection, and that an
        answer may lie here before its client takes it, or at least a megabyte more of it.
    """

    def __init__(self, server: web.Server, longest_seconds: float):
        self._server = server
        self._make_request = server.request_factory
        server.request_factory = self._begin_answer
        self._longest_seconds = longest_seconds
        # Connections are files too. The other half is for models, which are loaded all the time, and for gRPC.
        self._most = int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * _SHARE_OF_FILES)
        self._open: set[_Connection] = set()
        self._warning = repeated_warning.RepeatedWarning()
        self._loop = asyncio.get_running_loop()
        self.are_ending = False
        self._look()

    def __call__(self) -> asyncio.Protocol:
        """Returns the protocol of a new connection."""
        return _Connection(self._server, self, loop=self._loop, access_log=None, keepalive_timeout=_KEEPALIVE_SECONDS)

    def add(self, connection: "_Connection") -> bool:
        """Counts a new connection; returns whether it may stay."""
        if len(self._open) >= self._most:
            self._warning.say(
                f"Closed a connection: the REST port has {self._most}, half of the files that this process may open "
                "(ulimit -n). Raise that, or have clients keep fewer connections."
            )
            return False
        self._open.add(connection)
        return True

    def remove(self, connection: "_Connection") -> None:
        """Forgets a connection."""
        self._open.discard(connection)

    async def say_goodbye(self) -> None:
        """Tells clients with the answer to each request, for a moment, that it was the last on its connection.

        Otherwise who asks again at once would do so while the connection is being closed, and get no answer.
        """
        self.are_ending = True
        end = self._loop.time() + _SECONDS_TO_SAY_GOODBYE
        while self._open and self._loop.time() < end:
            await asyncio.sleep(_SECONDS_BETWEEN_CHECKS)

    def _begin_answer(
        self, message: object, payload: object, protocol: "_Connection", *others: object
    ) -> web.BaseRequest:
        protocol.begin_answer()
        return self._make_request(message, payload, protocol, *others)

    def _look(self) -> None:
        moment = self._loop.time() - self._longest_seconds
        for connection in list(self._open):
            connection.end_if_waiting_since(moment)
        self._loop.call_later(min(_MOST_SECONDS_BETWEEN_LOOKS, self._longest_seconds / 4), self._look)


class _Connection(web.RequestHandler):
    """aiohttp's protocol, which here knows since when it waits for its client."""

    def __init__(self, server: web.Server, connections: RestConnections, **options: object):
        super().__init__(server, **options)
        self._connections = connections
        self._is_answering = False
        self._waits_since: float | None = None
        # Of an answer.
        self._num_bytes_left = 0
        # Of a request that was answered before all of it was there; it is read and dropped.
        self._late_body: aiohttp.StreamReader | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._wait()
        if not self._connections.add(self):
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends the waiting."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes; with the first ones of a request its time begins."""
        if self._late_body is not None and self._late_body.is_eof():
            self._late_body = None
        # aiohttp calls this without any, to have another look at what is there.
        if data and self._waits_since is None and not self._is_answering and self._late_body is None:
            self._wait()
        super().data_received(data)

    def pause_writing(self) -> None:
        """Begins to wait for the client to take its answer."""
        super().pause_writing()
        self._num_bytes_left = self._num_bytes_unsent()
        self._wait()

    def resume_writing(self) -> None:
        """Ends that."""
        self._waits_since, self._num_bytes_left = None, 0
        super().resume_writing()

    def begin_answer(self) -> None:
        """Says that the headers are there; how long the body may take is for its reader to say."""
        self._is_answering, self._waits_since = True, None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends an answer."""
        self._is_answering = False
        self._late_body = None if request.content.is_eof() else request.content
        if self._connections.are_ending:
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what is no HTTP, or what failed, without what Python says of it; the connection ends with that."""
        del request, message
        sentence = "The request is not HTTP as it should be."
        if status >= web.HTTPInternalServerError.status_code:
            logging.error("A request over REST failed", exc_info=exc)
            sentence = "The request failed; the server's log says why."
        answer = web.Response(status=status, body=json_answer.write_error(sentence), content_type="application/json")
        answer.force_close()
        return answer

    def end_if_waiting_since(self, moment: float) -> None:
        """Ends the connection if it has waited for its client since before a moment, on the loop's clock."""
        if self._waits_since is None or self._waits_since > moment or self.transport is None:
            return
        num_bytes_left = self._num_bytes_unsent()
        if num_bytes_left <= self._num_bytes_left - _LEAST_BYTES_TAKEN:
            self._num_bytes_left = num_bytes_left
            self._wait()
        else:
            self.transport.abort()

    def _num_bytes_unsent(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def _wait(self) -> None:
        self._waits_since = self._loop.time()
