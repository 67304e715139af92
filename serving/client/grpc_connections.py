"""How the gRPC clients connect, and what their calls can fail of. Importing it loads gRPC and TensorFlow."""

import dataclasses
import re
from collections.abc import Callable
from types import ModuleType

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving import errors
from serving.client import deadline, model_request

_UNLIMITED = -1
# gRPC connects again after a failure no sooner than this, and by default waits up to two minutes: calls would fail
# long after the server has come back. A tenth of a second is the least it takes.
_SHORTEST_RECONNECT_MS = 100
_LONGEST_RECONNECT_MS = 1000
# gRPC does not say which side a status comes from. These are its own words for a deadline, and words of each of its
# sentences for a connection that fails; other words are taken for the server's and passed on as they are.
_DEADLINE = "Deadline Exceeded"
_NO_CONNECTION = re.compile(
    r"failed to connect|backends failing|resol(ution|ving)|connection (reset|refused|closed|timed out)|broken pipe"
    r"|socket closed|endpoint closing|stream removed|goaway|transport|handshak|recvmsg|sendmsg|watchdog",
    re.IGNORECASE,
)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where a server is, and how to speak to it.

    Attributes:
      address: host and port, or `unix:` and a path.
      credentials: what a TLS connection needs, `None` for a plain one.
      options: the arguments of a channel.
    """

    address: str
    credentials: grpc.ChannelCredentials | None
    options: tuple[tuple[str, int], ...]

    @classmethod
    def of(
        cls,
        address: str,
        root_certificates: bytes | None,
        private_key: bytes | None,
        certificate_chain: bytes | None,
        use_proxies: bool,
    ) -> "Endpoint":
        """Returns the endpoint that the arguments of a client describe.

        Raises:
          InvalidArgumentError: if the address is none, one of the certificates is no PEM text, or key and
            certificate do not come together.
        """
        if not isinstance(address, str) or not address or address.startswith(("http:", "https:")):
            raise errors.InvalidArgumentError(
                f"address must be like localhost:8500 or unix:/run/server.sock, but is {address!r}."
            )
        certificates = _credentials(root_certificates, private_key, certificate_chain)
        return cls(address, certificates, _options(use_proxies))

    def channel(self, api: ModuleType) -> grpc.Channel:
        """Returns a channel; it connects when it is first used.

        Args:
          api: `grpc`, or `grpc.aio` for a channel of the event loop that runs now.
        """
        if self.credentials is None:
            return api.insecure_channel(self.address, self.options)
        return api.secure_channel(self.address, self.credentials, self.options)

    def error(self, failure: grpc.RpcError, by: deadline.Deadline, is_closed: bool) -> errors.ServingError:
        """Returns what a failure means to the caller.

        Args:
          failure: what the call raised.
          by: when the call had to end.
          is_closed: whether the client was closed meanwhile.
        """
        code, details = errors.StatusCode[failure.code().name], failure.details() or ""
        if is_closed and code is errors.StatusCode.CANCELLED:
            return errors.CancelledError("The client was closed before there was an answer.")
        if code is errors.StatusCode.DEADLINE_EXCEEDED and _DEADLINE in details:
            return by.error(self.address)
        if code is errors.StatusCode.UNAVAILABLE and _NO_CONNECTION.search(details):
            details = f"{self.address} cannot be reached ({details}). Start the model server, or check the address."
        return errors.error_from_code(code, details)


def methods(channel: grpc.Channel) -> dict[type, Callable]:
    """Returns by request the method that answers it."""
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    model = model_service_pb2_grpc.ModelServiceStub(channel)
    return {
        model_request.StatusRequest: model.GetModelStatus,
        model_request.MetadataRequest: prediction.GetModelMetadata,
        model_request.PredictRequest: prediction.Predict,
        model_request.ClassifyRequest: prediction.Classify,
        model_request.RegressRequest: prediction.Regress,
    }


def _options(use_proxies: bool) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.max_receive_message_length", _UNLIMITED),
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.initial_reconnect_backoff_ms", _SHORTEST_RECONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", _LONGEST_RECONNECT_MS),
        # Whether anything is sent twice is up to `Retries`, and neither to the library nor to a record in DNS.
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_http_proxy", int(use_proxies)),
    )


def _credentials(
    root_certificates: bytes | None, private_key: bytes | None, certificate_chain: bytes | None
) -> grpc.ChannelCredentials | None:
    given = {
        "root_certificates": root_certificates,
        "private_key": private_key,
        "certificate_chain": certificate_chain,
    }
    for name, pem in given.items():
        if pem is not None and (not isinstance(pem, bytes) or b"-----BEGIN" not in pem):
            raise errors.InvalidArgumentError(
                f"{name} takes the bytes of a PEM file, but got {type(pem).__name__} that is none; read the file."
            )
    if (private_key is None) != (certificate_chain is None):
        raise errors.InvalidArgumentError("private_key and certificate_chain belong together; give both or neither.")
    if root_certificates is None and private_key is None:
        return None
    return grpc.ssl_channel_credentials(root_certificates, private_key, certificate_chain)
