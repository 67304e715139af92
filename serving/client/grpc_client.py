"""Asks a model server over gRPC, with TensorFlow Serving's own stubs.

Importing this module is light; making a client loads TensorFlow, in whose package the messages live.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from serving.client import model_client, model_info

_UNLIMITED = -1


class GrpcClient(model_client.ModelClient):
    """A client of the gRPC API; its connection is kept open between calls.

    Args:
      address: host and port of the server, such as `localhost:8500`.
    """

    def __init__(self, address: str):
        super().__init__()
        import grpc
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        from serving.client import grpc_messages

        options = [("grpc.max_receive_message_length", _UNLIMITED), ("grpc.max_send_message_length", _UNLIMITED)]
        self._address = address
        self._messages = grpc_messages
        self._rpc_error = grpc.RpcError
        self._channel = grpc.insecure_channel(address, options=options)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._model = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def status(
        self,
        model_name: str,
        version: int | None = None,
        timeout_seconds: float = model_client.DEFAULT_TIMEOUT_SECONDS,
    ) -> list[model_info.ModelVersionStatus]:
        """See the base class."""
        request = self._messages.status_request(model_name, version)
        return self._messages.read_status(self._send(self._model.GetModelStatus, request, timeout_seconds))

    def metadata(
        self,
        model_name: str,
        version: int | None = None,
        timeout_seconds: float = model_client.DEFAULT_TIMEOUT_SECONDS,
    ) -> model_info.ModelMetadata:
        """See the base class."""
        request = self._messages.metadata_request(model_name, version)
        return self._messages.read_metadata(self._send(self._prediction.GetModelMetadata, request, timeout_seconds))

    def _predict(
        self,
        model_name: str,
        signature_name: str,
        version: int | None,
        arrays: Mapping[str, np.ndarray],
        signature: model_info.Signature,
        timeout_seconds: float,
    ) -> dict[str, np.ndarray]:
        request = self._messages.predict_request(model_name, version, signature_name, arrays)
        return self._messages.read_outputs(self._send(self._prediction.Predict, request, timeout_seconds))

    def _send(self, method: Callable, request: Any, timeout_seconds: float) -> Any:
        try:
            return method(request, timeout=timeout_seconds)
        except self._rpc_error as error:
            raise self._messages.to_error(error, self._address) from error
