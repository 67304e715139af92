"""The REST port: aiohttp on an event loop in a thread of its own, models called from a pool of threads."""

import asyncio
import threading
import time
from collections.abc import Coroutine

from absl import logging
from aiohttp import web

from serving import errors
from serving.server import bounded_pool, loop_threads, metrics, rest_api, server_config, start_checks
from serving.server import cancellation as cancellation_lib

_ROOT = "/v1/"
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
        try:
            return await threads.call(deadline - time.monotonic(), self._api.answer, *arguments)
        except TimeoutError as error:
            cancellation.cancel()
            text = f"{request.method} {path} took longer than {self._config.rest_api_timeout_in_ms} ms."
            logging.warning("%s", text)
            raise errors.DeadlineExceededError(text) from error


def _require_room(threads: loop_threads.LoopThreads) -> None:
    if threads.is_full:
        raise bounded_pool.too_many_wait()
