"""Asks a model server over REST from an event loop. Loads no TensorFlow."""

import asyncio
import ssl
from typing import Any

from serving.client import async_model_client, deadline, model_request, rest_messages, retries


class AsyncRestClient(async_model_client.AsyncModelClient):
    """A client of the REST API whose calls are coroutines; its connections are kept open between calls.

        async with client.AsyncRestClient("http://localhost:8501") as recommender:
            print((await recommender.status("shop"))[0].state)

    Args:
      url: address of the server; see `RestClient`, also for the other arguments.
      use_proxies: whether proxies named in the environment are used.
      verify: what to believe of an `https` server's certificate.
      timeout_seconds: how long a call may take that does not say.
      retries: how often a request is sent; `None` for once.
    """

    def __init__(
        self,
        url: str,
        use_proxies: bool = False,
        verify: bool | ssl.SSLContext = True,
        timeout_seconds: float = deadline.DEFAULT_TIMEOUT_SECONDS,
        retries: retries.Retries | None = None,
    ):
        super().__init__(timeout_seconds, retries)
        import httpcore

        from serving.client import rest_connections

        self._failures = rest_connections.FAILURES
        self._endpoint = rest_connections.Endpoint.parse(url)
        self._pool = httpcore.AsyncConnectionPool(**self._endpoint.pool_options(use_proxies, verify))

    async def _disconnect(self) -> None:
        await self._pool.aclose()

    async def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        http = rest_messages.to_http(request)
        try:
            # Bounds the whole, so that no part of it needs a timeout of its own.
            async with asyncio.timeout(by.remaining_seconds()):
                response = await self._pool.request(
                    http.method,
                    self._endpoint.url + http.path,
                    headers=self._endpoint.headers_for(http.body),
                    content=http.body,
                )
        except TimeoutError as failure:
            raise by.error(self._endpoint.url) from failure
        except self._failures as failure:
            raise self._endpoint.error(failure, by, self._is_closed) from failure
        return rest_messages.read(request, response.status, response.content)
