"""The REST port: aiohttp on an event loop in a thread of its own, models called from threads, or in place if quick."""

import asyncio
import concurrent.futures
import contextlib
import functools
import http
import socket
import threading
import time
from typing import TYPE_CHECKING

from absl import logging
from aiohttp import web

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import (
    loop_threads,
    metrics,
    quick_paths,
    request_ids,
    request_records,
    rest_api,
    rest_loop,
    server_config,
    start_checks,
    worker_threads,
)

if TYPE_CHECKING:
    from serving.server.explorer import explorer_api

_ROOT = "/v1/"
_MOST_BYTES_OF_QUICK = 4096
_LONGEST_HOLD_UP_SECONDS = 0.25
_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_FOR_WHAT_IS_STUCK = 1.0
_CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
}


class RestServer:
    """Serves a `RestApi` on one port, and metrics if there is a path for them.

    Attributes:
      name: of the protocol.
    """

    name = "REST"

    def __init__(
        self,
        api: rest_api.RestApi,
        config: server_config.ServerConfig,
        counted_by: metrics.Metrics,
        records: request_records.RequestRecords,
        metrics_path: str | None = None,
        explorer: "explorer_api.ExplorerApi | None" = None,
    ):
        """Prepares a server; nothing listens yet.

        Args:
          api: what answers.
          config: where to listen, and how.
          counted_by: what the path of metrics answers with; learns of the queue.
          records: learns of requests that the API does not get.
          metrics_path: where; `None` for nowhere.
          explorer: answers the paths that are its own; `None` if there is none.
        """
        self._api = api
        self._config = config
        self._metrics = counted_by
        self._records = records
        self._metrics_path = metrics_path
        self._explorer = explorer
        self._headers = _CORS_HEADERS if config.rest_api_enable_cors_support else {}
        self._timeout_seconds = config.rest_api_timeout_in_ms / 1000
        self._quick_paths = quick_paths.QuickPaths()
        waiting, note_waiting = config.max_queued_requests, functools.partial(counted_by.add_queue_seconds, "rest")
        self._inference = loop_threads.LoopThreads(config.rest_api_num_threads, waiting, "rest", note_waiting)
        # What tells the state of the server does not wait behind inference.
        self._control = loop_threads.LoopThreads(1, waiting, "rest control")
        # Reading titles may take seconds, which nobody else should wait for.
        self._exploring = loop_threads.LoopThreads(2, waiting, "rest explorer")
        # The last one accepts connections; the others were held up.
        self._loops: list[rest_loop.RestLoop] = []
        self._socket: socket.socket | None = None
        self._is_stopped = threading.Event()
        self._watch = threading.Thread(target=self._replace_loops, name="rest watch", daemon=True)

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        return [f"{start_checks.rest_address(self._config)}:{self._config.rest_api_port}"]

    @property
    def num_waiting(self) -> int:
        """Requests that wait for a thread."""
        return self._inference.num_waiting

    @property
    def num_under_way(self) -> int:
        """Requests that threads answer, or that wait for one."""
        return self._inference.num_under_way

    def start(self) -> None:
        """Binds the port and answers from now on.

        Raises:
          OSError: if the port is taken.
        """
        self._socket = start_checks.bound_socket(self._config.rest_api_port, start_checks.rest_address(self._config))
        self._add_loop()
        self._watch.start()

    def stop(self) -> None:
        """Takes no more connections, lets requests under way finish, and returns when all is closed that can be."""
        self._is_stopped.set()
        if self._socket is not None:
            self._watch.join()
            self._socket.close()
        loops, self._loops = self._loops, []
        with concurrent.futures.ThreadPoolExecutor(len(loops) + 1) as pool:
            for loop in loops:
                pool.submit(loop.stop, _SECONDS_FOR_WHAT_IS_STUCK)
        for threads in (self._inference, self._control, self._exploring):
            threads.stop()

    def _add_loop(self) -> None:
        loop = rest_loop.RestLoop(
            self._handle,
            self._socket,
            self._config.max_request_bytes,
            self._timeout_seconds,
            self._config.shutdown_grace_seconds,
            f"rest loop {len(self._loops)}",
        )
        loop.start()
        self._loops.append(loop)

    def _replace_loops(self) -> None:
        """Gives the port to another loop when a request that seemed quick holds one up."""
        while not self._is_stopped.wait(_SECONDS_BETWEEN_LOOKS):
            path = self._loops[-1].held_up_by(_LONGEST_HOLD_UP_SECONDS)
            if path is not None:
                logging.warning("%s was quick and takes long now; it is answered by threads from now on", path)
                self._quick_paths.ban(path)
                self._loops[-1].accept_no_more()
                self._add_loop()

    async def _handle(self, loop: rest_loop.RestLoop, request: web.BaseRequest) -> web.Response:
        path = request.rel_url.raw_path
        if path == self._metrics_path:
            return web.Response(text=self._metrics.text(), content_type="text/plain")
        is_explored = self._explorer is not None and self._explorer.owns(path)
        # Whatever other origins may read of the API, the explorer is for its own page.
        headers = self._explorer.headers if is_explored else self._headers
        if self._headers and request.method == "OPTIONS" and not is_explored:
            return web.Response(headers=self._headers)
        request_id = request_ids.RequestId(lambda: request.headers.get(request_ids.NAME))
        request_ids.CURRENT.set(request_id)
        try:
            answer = await self._answer(loop, request, path, request_id, is_explored)
        except errors.ServingError as error:
            # These were answered before anybody read which model they are for.
            self._records.add_refused("REST", error.code)
            answer = rest_api.error_answer(error)
        return web.Response(
            status=answer.http_status,
            body=answer.body,
            content_type=answer.content_type,
            headers={request_ids.NAME: str(request_id), **headers},
        )

    async def _answer(
        self,
        loop: rest_loop.RestLoop,
        request: web.BaseRequest,
        path: str,
        request_id: request_ids.RequestId,
        is_explored: bool,
    ) -> rest_api.RestAnswer:
        deadline = time.monotonic() + self._timeout_seconds
        if not is_explored and not path.lower().startswith(_ROOT):
            raise errors.NotFoundError(f"No such path: {path}; the API is under {_ROOT}")
        threads = self._exploring if is_explored else self._inference if request.method == "POST" else self._control
        _require_room(threads)
        body = await self._body(request, path, deadline)
        # Others may have come while the body did.
        _require_room(threads)
        cancellation = cancellation_lib.Cancellation()
        answer = self._explorer.answer if is_explored else functools.partial(self._timed_answer, request_id)
        arguments = request.method, path, body, deadline, cancellation
        if len(body) <= _MOST_BYTES_OF_QUICK and path in self._quick_paths:
            with contextlib.suppress(worker_threads.ThreadNeededError):
                return loop.answer_at_once(path, answer, *arguments)
        try:
            return await threads.call(deadline - time.monotonic(), answer, *arguments)
        except TimeoutError as error:
            cancellation.cancel()
            text = f"{request.method} {path} took longer than {self._config.rest_api_timeout_in_ms} ms."
            logging.warning("%s", text)
            raise errors.DeadlineExceededError(text) from error

    async def _body(self, request: web.BaseRequest, path: str, deadline: float) -> bytes:
        try:
            if request.content.is_eof():
                # It came with the headers; a timer would cost more than to read it.
                return await request.read()
            # The loop has the monotonic clock too.
            async with asyncio.timeout_at(deadline):
                return await request.read()
        except TimeoutError as error:
            raise errors.DeadlineExceededError(
                f"The body of {request.method} {path} took longer than {self._config.rest_api_timeout_in_ms} ms to "
                "arrive (--rest_api_timeout_in_ms)."
            ) from error
        except web.RequestPayloadError as error:
            raise errors.InvalidArgumentError("The body is cut off, or not encoded as its headers say.") from error
        except web.HTTPRequestEntityTooLarge as error:
            raise errors.InvalidArgumentError(
                f"A request may have {self._config.max_request_bytes} bytes (--max_request_bytes), but has more."
            ) from error

    def _timed_answer(
        self, request_id: request_ids.RequestId, method: str, path: str, *arguments: object
    ) -> rest_api.RestAnswer:
        # Threads have contexts of their own.
        request_ids.CURRENT.set(request_id)
        started, started_own, times_given_up = time.monotonic(), time.thread_time(), worker_threads.times_given_up()
        answer = self._api.answer(method, path, *arguments)
        # What only fails is not learned, for clients can make up any number of such paths.
        if method == "POST" and (answer.http_status == http.HTTPStatus.OK or path in self._quick_paths):
            has_waited = worker_threads.times_given_up() > times_given_up
            seconds = time.monotonic() - started
            if not self._quick_paths.is_quick(seconds):
                # The thread also waited for Python, perhaps; looking costs more than most of what happens here.
                seconds = time.thread_time() - started_own
            self._quick_paths.note(path, seconds, has_waited)
        return answer


def _require_room(threads: loop_threads.LoopThreads) -> None:
    if threads.is_full:
        raise worker_threads.too_many_wait()
