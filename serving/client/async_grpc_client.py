"""Asks a model server over gRPC from an event loop, with TensorFlow Serving's own stubs.

Importing this module is light; making a client loads TensorFlow, in whose package the messages live.
"""

import asyncio
from typing import Any

from serving import errors
from serving.client import async_model_client, deadline, model_request, retries


class AsyncGrpcClient(async_model_client.AsyncModelClient):
    """A client of the gRPC API whose calls are coroutines; its connection is kept open between calls.

        async with client.AsyncGrpcClient("localhost:8500") as recommender:
            print((await recommender.status("shop"))[0].state)

    Args:
      address: host and port, or `unix:` and a path; see `GrpcClient`, also for the other arguments.
      root_certificates: who may have signed the server's certificate.
      private_key: this client's key, if the server asks who it is.
      certificate_chain: the certificate to it.
      use_proxies: whether proxies named in the environment are used.
      timeout_seconds: how long a call may take that does not say.
      retries: how often a request is sent; `None` for once.
    """

    def __init__(
        self,
        address: str,
        root_certificates: bytes | None = None,
        private_key: bytes | None = None,
        certificate_chain: bytes | None = None,
        use_proxies: bool = False,
        timeout_seconds: float = deadline.DEFAULT_TIMEOUT_SECONDS,
        retries: retries.Retries | None = None,
    ):
        super().__init__(timeout_seconds, retries)
        import grpc

        from serving.client import grpc_connections, grpc_messages

        self._api = grpc.aio
        self._connect_methods = grpc_connections.methods
        self._messages = grpc_messages
        self._endpoint = grpc_connections.Endpoint.of(
            address, root_certificates, private_key, certificate_chain, use_proxies
        )
        self._channel = None
        self._methods = {}

    async def _disconnect(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        # Not before the first call: a channel belongs to the loop that runs while it is made.
        if self._channel is None:
            self._channel = self._endpoint.channel(self._api)
            self._methods = self._connect_methods(self._channel)
        message = self._messages.to_message(request)
        try:
            answer = await self._methods[type(request)](message, timeout=by.remaining_seconds())
        except self._api.AioRpcError as failure:
            raise self._endpoint.error(failure, by, self._is_closed) from failure
        except asyncio.CancelledError as failure:
            # A channel that is closed cancels its calls; a task that is cancelled itself stays so.
            if not self._is_closed or asyncio.current_task().cancelling():
                raise
            raise errors.CancelledError("The client was closed before there was an answer.") from failure
        return self._messages.read(request, answer)
