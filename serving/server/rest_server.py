"""The REST port: aiohttp on an event loop in a thread of its own, models called from a pool of threads."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine

from absl import logging
from aiohttp import web

from serving import errors
from serving.server import rest_api, start_checks

_ROOT = "/v1/"
# As large as gRPC lets a message be.
_MAX_BODY_BYTES = (1 << 31) - 1


class RestServer:
    """Serves a `RestApi` on one port."""

    def __init__(
        self, api: rest_api.RestApi, port: int, num_threads: int, timeout_seconds: float, grace_seconds: float
    ):
        """Prepares a server; nothing listens yet.

        Args:
          api: what answers.
          port: TCP port, on all addresses.
          num_threads: how many requests run at once; further ones wait.
          timeout_seconds: longest time for one answer, then 504.
          grace_seconds: how long `stop` waits for requests under way.
        """
        self._api = api
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._grace_seconds = grace_seconds
        self._pool = concurrent.futures.ThreadPoolExecutor(num_threads, thread_name_prefix="rest")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rest loop", daemon=True)
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        """Binds the port and answers from now on.

        Raises:
          OSError: if the port is taken.
        """
        self._thread.start()
        self._call(self._start())

    def stop(self) -> None:
        """Takes no more connections, lets requests under way finish, and returns when all is closed."""
        if self._runner is not None:
            self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _call(self, coroutine: Coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> None:
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=self._grace_seconds)
        await self._runner.setup()
        await web.SockSite(self._runner, start_checks.bound_socket(self._port)).start()

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if not path.lower().startswith(_ROOT):
            return _to_response(
                rest_api.error_answer(errors.NotFoundError(f"No such path: {path}; the API is under {_ROOT}"))
            )
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            answer = rest_api.error_answer(errors.InvalidArgumentError("The request body is too large."))
            return _to_response(answer)
        call = self._loop.run_in_executor(self._pool, self._api.answer, request.method, path, body)
        try:
            # Shielded: a call that runs cannot be taken back, and its thread is busy until it ends.
            answer = await asyncio.wait_for(asyncio.shield(call), self._timeout_seconds)
        except TimeoutError:
            text = f"{request.method} {path} took longer than {self._timeout_seconds * 1000:.0f} ms."
            logging.warning("%s", text)
            answer = rest_api.error_answer(errors.DeadlineExceededError(text))
        return _to_response(answer)


def _to_response(answer: rest_api.RestAnswer) -> web.Response:
    return web.Response(status=answer.http_status, body=answer.body, content_type="application/json")
