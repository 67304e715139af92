"""Asks a model server over gRPC, with TensorFlow Serving's own stubs.

Importing this module is light; making a client loads TensorFlow, in whose package the messages live.
"""

from typing import Any

from serving import errors
from serving.client import deadline, model_client, model_request, retries


class GrpcClient(model_client.ModelClient):
    """A client of the gRPC API; its connection is kept open between calls.

        with client.GrpcClient("localhost:8500", timeout_seconds=2.0) as recommender:
            print(recommender.status("shop")[0].state)

    With any of the three certificates the connection is TLS, else plain. Each is the content of a PEM file:

        client.GrpcClient("host:8500", root_certificates=pathlib.Path("ca.pem").read_bytes())

    Args:
      address: host and port of the server, such as `localhost:8500`, or `unix:` and the path of its socket.
      root_certificates: who may have signed the server's certificate; `None` for the authorities that gRPC knows.
      private_key: this client's key, if the server asks who it is.
      certificate_chain: the certificate to it.
      use_proxies: whether proxies named in the environment are used; a model server is
        usually inside the network, where they cannot reach it.
      timeout_seconds: how long a call may take that does not say; the server is told when to give up, too.
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

        self._messages = grpc_messages
        self._rpc_error = grpc.RpcError
        self._endpoint = grpc_connections.Endpoint.of(
            address, root_certificates, private_key, certificate_chain, use_proxies
        )
        self._channel = self._endpoint.channel(grpc)
        self._methods = grpc_connections.methods(self._channel)

    def _disconnect(self) -> None:
        self._channel.close()

    def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        message = self._messages.to_message(request)
        try:
            answer = self._methods[type(request)](message, timeout=by.remaining_seconds())
        except self._rpc_error as failure:
            raise self._endpoint.error(failure, by, self._is_closed) from failure
        except ValueError as failure:
            # What gRPC says of a channel that another thread has just closed.
            if not self._is_closed:
                raise
            raise errors.CancelledError("The client was closed before there was an answer.") from failure
        return self._messages.read(request, answer)
