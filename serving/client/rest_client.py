"""Asks a model server over REST. Loads no TensorFlow."""

from collections.abc import Mapping

import httpx
import numpy as np

from serving import errors
from serving.client import model_client, model_info, rest_messages


class RestClient(model_client.ModelClient):
    """A client of the REST API; its connections are kept open between calls.

    Args:
      url: address of the server, such as `http://localhost:8501`.
      use_proxies: whether proxies named in the environment are used; a model server is
        usually inside the network, where they cannot reach it.
    """

    def __init__(self, url: str, use_proxies: bool = False):
        super().__init__()
        self._url = url.rstrip("/")
        self._http = httpx.Client(base_url=self._url, trust_env=use_proxies)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def status(
        self,
        model_name: str,
        version: int | None = None,
        timeout_seconds: float = model_client.DEFAULT_TIMEOUT_SECONDS,
    ) -> list[model_info.ModelVersionStatus]:
        """See the base class."""
        return rest_messages.read_status(
            self._send("GET", rest_messages.model_path(model_name, version, ""), None, timeout_seconds)
        )

    def metadata(
        self,
        model_name: str,
        version: int | None = None,
        timeout_seconds: float = model_client.DEFAULT_TIMEOUT_SECONDS,
    ) -> model_info.ModelMetadata:
        """See the base class."""
        return rest_messages.read_metadata(
            self._send("GET", rest_messages.model_path(model_name, version, "/metadata"), None, timeout_seconds)
        )

    def _predict(
        self,
        model_name: str,
        signature_name: str,
        version: int | None,
        arrays: Mapping[str, np.ndarray],
        signature: model_info.Signature,
        timeout_seconds: float,
    ) -> dict[str, np.ndarray]:
        path = rest_messages.model_path(model_name, version, ":predict")
        body = rest_messages.predict_body(signature_name, arrays)
        return rest_messages.read_outputs(self._send("POST", path, body, timeout_seconds), signature.outputs)

    def _send(self, method: str, path: str, body: bytes | None, timeout_seconds: float) -> bytes:
        headers = {"Content-Type": "application/json"} if body else None
        try:
            response = self._http.request(method, path, content=body, headers=headers, timeout=timeout_seconds)
        except httpx.TimeoutException as error:
            raise errors.DeadlineExceededError(
                f"{self._url}{path} gave no answer within {timeout_seconds:g} s."
            ) from error
        except httpx.TransportError as error:
            raise errors.UnavailableError(
                f"{self._url} cannot be reached ({error}). Start the model server, or check the address."
            ) from error
        if response.status_code != httpx.codes.OK:
            raise rest_messages.to_error(response.status_code, response.content)
        return response.content
