"""Asks a model server over REST. Loads no TensorFlow."""

import ssl
from typing import Any

from serving.client import deadline, model_client, model_request, rest_messages, retries


class RestClient(model_client.ModelClient):
    """A client of the REST API; its connections are kept open between calls.

        with client.RestClient("http://localhost:8501", timeout_seconds=2.0) as recommender:
            print(recommender.status("shop")[0].state)

    Args:
      url: address of the server, such as `http://localhost:8501`; `https` where something before the server speaks TLS.
      use_proxies: whether proxies named in the environment are used; a model server is
        usually inside the network, where they cannot reach it.
      verify: for `https`: `True` checks the server's certificate against public authorities, an `ssl.SSLContext`
        against its own (and may hold a client's certificate), `False` not at all.
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

        from serving.client import deadline_connections, rest_connections

        self._until = deadline_connections.until
        self._failures = rest_connections.FAILURES
        self._endpoint = rest_connections.Endpoint.parse(url)
        self._backend = deadline_connections.DeadlineBackend()
        options = self._endpoint.pool_options(use_proxies, verify)
        self._pool = httpcore.ConnectionPool(network_backend=self._backend, **options)

    def _disconnect(self) -> None:
        self._backend.close()
        self._pool.close()

    def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        http = rest_messages.to_http(request)
        try:
            response = self._pool.request(
                http.method,
                self._endpoint.url + http.path,
                headers=self._endpoint.headers_for(http.body),
                content=http.body,
                extensions=self._until(by),
            )
        except self._failures as failure:
            raise self._endpoint.error(failure, by, self._is_closed) from failure
        return rest_messages.read(request, response.status, response.content)
