"""An event loop in a thread of its own, with an aiohttp server that accepts connections from a listening socket."""

import asyncio
import concurrent.futures
import functools
import socket
import threading
import time
from collections.abc import Callable, Coroutine

from aiohttp import HttpVersion11, hdrs, web

from serving.server import json_answer, rest_connections, worker_threads

# Connections that may wait to be taken while the loop answers requests.
_BACKLOG = 1024
_SECONDS_FOR_LAST_STEPS = 0.1
_Handler = Callable[["RestLoop", web.BaseRequest], Coroutine[None, None, web.StreamResponse]]


class RestLoop:
    """Answers what it accepts until it is stopped.

    Args:
      handle: answers a request; is told which loop it is in.
      listening: accepts connections, perhaps also for other loops.
      max_request_bytes: longest body.
      longest_seconds: that headers may take, and that an answer may wait for its client.
      grace_seconds: longest wait for requests under way when it is stopped.
      name: of the thread.
    """

    def __init__(
        self,
        handle: _Handler,
        listening: socket.socket,
        max_request_bytes: int,
        longest_seconds: float,
        grace_seconds: float,
        name: str,
    ):
        self._handle = handle
        self._listening = listening.dup()
        self._max_request_bytes = max_request_bytes
        self._longest_seconds = longest_seconds
        self._grace_seconds = grace_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._busy: tuple[str, float] | None = None

    def start(self) -> None:
        """Accepts connections from now on."""
        self._thread.start()
        self._begin(self._start()).result()

    def answer_at_once(self, path: str, answer: Callable, *arguments: object) -> object:
        """Returns what a call returns that is made in the loop's thread, where nothing else is answered meanwhile.

        Raises:
          ThreadNeededError: if it would have to wait, or to compute for long.
        """
        self._busy = (path, time.monotonic())
        try:
            with worker_threads.RefusingToWait():
                return answer(*arguments)
        finally:
            self._busy = None

    def held_up_by(self, seconds: float) -> str | None:
        """Returns the path that the loop is busy with, if it has been for longer than some seconds."""
        busy = self._busy
        return busy[0] if busy is not None and time.monotonic() - busy[1] > seconds else None

    def accept_no_more(self) -> None:
        """Leaves new connections to others; returns at once."""
        self._loop.call_soon_threadsafe(self._accepting.close)

    def stop(self, seconds_for_what_is_stuck: float) -> None:
        """Takes no more connections, lets requests under way finish, and closes all.

        Args:
          seconds_for_what_is_stuck: longest wait beyond the grace time; what then still runs is left to its thread.
        """
        closed = self._begin(self._stop())
        closed.add_done_callback(lambda closed: self._loop.call_soon_threadsafe(self._loop.stop))
        self._thread.join(self._grace_seconds + seconds_for_what_is_stuck)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _begin(self, coroutine: Coroutine) -> concurrent.futures.Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _start(self) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if hdrs.EXPECT in request.headers:
                await _say_that_the_body_may_come(request)
            return await self._handle(self, request)

        # Without an Application: of its routes there would be one, and finding it takes longer than to answer.
        make_request = functools.partial(web.BaseRequest, loop=self._loop, client_max_size=self._max_request_bytes)
        server = web.Server(handle, request_factory=make_request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=self._grace_seconds)
        await self._runner.setup()
        self._connections = rest_connections.RestConnections(self._runner.server, self._longest_seconds)
        self._accepting = await self._loop.create_server(self._connections, sock=self._listening, backlog=_BACKLOG)

    async def _stop(self) -> None:
        self._accepting.close()
        await self._connections.say_goodbye()
        await self._runner.cleanup()
        # Connections that were closed just now have their last step to do.
        if tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks, timeout=_SECONDS_FOR_LAST_STEPS)


async def _say_that_the_body_may_come(request: web.BaseRequest) -> None:
    """Answers what a client asks that has a large body, RFC 9110, section 10.1.1."""
    expected = request.headers[hdrs.EXPECT]
    if expected.lower() != "100-continue":
        raise web.HTTPExpectationFailed(
            body=json_answer.write_error(f"The header Expect may be 100-continue, but is {expected}; leave it out."),
            content_type="application/json",
        )
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # It is none of the answer's bytes.
        request.writer.output_size = 0
