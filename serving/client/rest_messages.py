"""REST bodies as pure functions: arrays to JSON, JSON to arrays. No connection, no TensorFlow."""

import base64
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving import errors
from serving.client import model_info


def model_path(model_name: str, version: int | None, suffix: str) -> str:
    """Returns the URL path of a model, or of one of its versions."""
    versions = "" if version is None else f"/versions/{version}"
    return f"/v1/models/{urllib.parse.quote(model_name, safe='')}{versions}{suffix}"


def predict_body(signature_name: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Returns the body of a predict request in column format; bytes that are no UTF-8 go as base64."""
    inputs = {name: _to_json(array.tolist()) for name, array in arrays.items()}
    return json.dumps({"signature_name": signature_name, "inputs": inputs}).encode()


def read_outputs(body: bytes, outputs: Mapping[str, model_info.TensorSpec]) -> dict[str, np.ndarray]:
    """Returns the arrays of a predict answer in column format, in the declared types.

    Args:
      body: JSON.
      outputs: what the signature declares; a single output comes without its name.

    Raises:
      InternalError: if it is not such an answer.
    """
    answer = _document(body).get("outputs")
    if len(outputs) == 1:
        answer = {next(iter(outputs)): answer}
    if not isinstance(answer, dict) or set(answer) != set(outputs):
        raise errors.InternalError(
            f"The server answered other outputs than the {sorted(outputs)} that its metadata declares; "
            "it may have changed versions between two requests. Ask again."
        )
    return {name: _to_array(values, outputs[name]) for name, values in answer.items()}


def read_status(body: bytes) -> list[model_info.ModelVersionStatus]:
    """Returns the version states of a status answer.

    Raises:
      InternalError: if it is not such an answer.
    """
    return [
        model_info.ModelVersionStatus(
            version=int(item["version"]),
            state=item["state"],
            error_code=errors.StatusCode[item["status"]["error_code"]],
            error_message=item["status"]["error_message"],
        )
        for item in _member(_document(body), "model_version_status")
    ]


def read_metadata(body: bytes) -> model_info.ModelMetadata:
    """Returns the signatures of a metadata answer.

    Raises:
      InternalError: if it is not such an answer.
    """
    document = _document(body)
    model_spec, metadata = _member(document, "model_spec"), _member(document, "metadata")
    signature_defs = metadata["signature_def"]["signature_def"]
    return model_info.ModelMetadata(
        model_name=model_spec["name"],
        version=int(model_spec["version"]),
        signatures={
            name: model_info.Signature(_specs(signature.get("inputs", {})), _specs(signature.get("outputs", {})))
            for name, signature in signature_defs.items()
        },
    )


def to_error(http_status: int, body: bytes) -> errors.ServingError:
    """Returns the error that an answer carries."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        message = f"HTTP status {http_status} with a body that is not the API's: {body[:200]!r}"
    return errors.error_from_http_status(http_status, message)


def _specs(tensors: Mapping[str, Any]) -> dict[str, model_info.TensorSpec]:
    return {name: model_info.TensorSpec(info["dtype"], _shape(info["tensor_shape"])) for name, info in tensors.items()}


def _shape(shape: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    if shape.get("unknown_rank"):
        return None
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)


def _document(body: bytes) -> dict[str, Any]:
    try:
        # Strings that are no UTF-8 come as the bytes they are; see _to_bytes.
        document = json.loads(body.decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise errors.InternalError(f"The server did not answer JSON, but {body[:200]!r}.") from error
    if not isinstance(document, dict):
        raise errors.InternalError(f"The server did not answer a JSON object, but {body[:200]!r}.")
    return document


def _member(document: Mapping[str, Any], key: str) -> Any:
    if key not in document:
        raise errors.InternalError(f"The server's answer lacks {key!r}; is this a TensorFlow Serving address?")
    return document[key]


def _to_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def _to_array(values: Any, spec: model_info.TensorSpec) -> np.ndarray:
    is_string = spec.data_type == "DT_STRING"
    array = np.array(_to_bytes(values) if is_string else values, spec.dtype)
    if not array.size and spec.shape is not None:
        # JSON says nothing of the dimensions inside an empty list; the signature does.
        return np.zeros(array.shape + tuple(size or 0 for size in spec.shape[array.ndim :]), spec.dtype)
    return array


def _to_bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_bytes(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value.encode("utf-8", "surrogateescape")
