"""The REST port: aiohttp on an event loop in a thread of its own, models called from a pool of threads."""

import asyncio
import http
import threading
import time
from collections.abc import Coroutine

from absl import logging
from aiohttp import web

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import (
    loop_threads,
    metrics,
    quick_paths,
    rest_api,
    server_config,
    start_checks,
    worker_threads,
)

_ROOT = "/v1/"
_MOST_BYTES_OF_QUICK = 4096
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
        metrics_path: str | None = None,
    ):
        """Prepares a server; nothing listens yet.

        Args:
          api: what answers.
          config: where to listen, and how.
          counted_by: what the path of metrics answers with.
          metrics_path: where; `None` for nowhere.
        """
        self._api = api
        self._config = config
        self._metrics = counted_by
        self._metrics_path = metrics_path
        self._headers = _CORS_HEADERS if config.rest_api_enable_cors_support else {}
        self._timeout_seconds = config.rest_api_timeout_in_ms / 1000
        self._loop = asyncio.new_event_loop()
        self._quick_paths = quick_paths.QuickPaths()
        self._inference: loop_threads.LoopThreads | None = None
        self._control: loop_threads.LoopThreads | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest loop", daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def addresses(self) -> list[str]:
        """What it listens on."""
        return [f"{start_checks.rest_address(self._config)}:{self._config.rest_api_port}"]

    def start(self) -> None:
        """Binds the port and answers from now on.

        Raises:
          OSError: if the port is taken.
        """
        waiting = self._config.max_queued_requests
        self._inference = loop_threads.LoopThreads(self._loop, self._config.rest_api_num_threads, waiting, "rest")
        # What tells the state of the server does not wait behind inference.
        self._control = loop_threads.LoopThreads(self._loop, 1, waiting, "rest control")
        self._thread.start()
        self._call(self._start())

    def stop(self) -> None:
        """Takes no more connections, lets requests under way finish, and returns when all is closed."""
        if self._runner is not None:
            self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for threads in (self._inference, self._control):
            threads.stop()

    def _call(self, coroutine: Coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> None:
        application = web.Application(client_max_size=self._config.max_request_bytes)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._config.shutdown_grace_seconds)
        await self._runner.setup()
        socket = start_checks.bound_socket(self._config.rest_api_port, start_checks.rest_address(self._config))
        await web.SockSite(self._runner, socket).start()

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if path == self._metrics_path:
            return web.Response(text=self._metrics.text(), content_type="text/plain")
        if self._headers and request.method == "OPTIONS":
            return web.Response(headers=self._headers)
        try:
            answer = await self._answer(request, path)
        except errors.ServingError as error:
            # These were answered before anybody read which model they are for.
            self._metrics.add_request("", "", "REST", error.code, 0.0)
            answer = rest_api.error_answer(error)
        return web.Response(
            status=answer.http_status, body=answer.body, content_type="application/json", headers=self._headers
        )

    async def _answer(self, request: web.Request, path: str) -> rest_api.RestAnswer:
        deadline = time.monotonic() + self._timeout_seconds
        if not path.lower().startswith(_ROOT):
            raise errors.NotFoundError(f"No such path: {path}; the API is under {_ROOT}")
        threads = self._inference if request.method == "POST" else self._control
        _require_room(threads)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise errors.InvalidArgumentError(
                f"A request may have {self._config.max_request_bytes} bytes (--max_request_bytes), but has more."
            ) from error
        # Others may have come while the body did.
        _require_room(threads)
        cancellation = cancellation_lib.Cancellation()
        arguments = request.method, path, body, deadline, cancellation
        if len(body) <= _MOST_BYTES_OF_QUICK and path in self._quick_paths:
            return self._timed_answer(*arguments)
        try:
            return await threads.call(deadline - time.monotonic(), self._timed_answer, *arguments)
        except TimeoutError as error:
            cancellation.cancel()
            text = f"{request.method} {path} took longer than {self._config.rest_api_timeout_in_ms} ms."
            logging.warning("%s", text)
            raise errors.DeadlineExceededError(text) from error

    def _timed_answer(self, method: str, path: str, *arguments: object) -> rest_api.RestAnswer:
        started, times_given_up = time.thread_time(), worker_threads.times_given_up()
        answer = self._api.answer(method, path, *arguments)
        # Paths that clients make up are not learned.
        if method == "POST" and (answer.http_status == http.HTTPStatus.OK or path in self._quick_paths):
            has_waited = worker_threads.times_given_up() > times_given_up
            self._quick_paths.note(path, time.thread_time() - started, has_waited)
        return answer


def _require_room(threads: loop_threads.LoopThreads) -> None:
    if threads.is_full:
        raise worker_threads.too_many_wait()
