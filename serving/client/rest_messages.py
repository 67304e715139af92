"""REST requests and answers as pure functions: what is asked to JSON, JSON to results. No connection, no TensorFlow."""

import dataclasses
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from serving import errors
from serving.client import example_features, model_info, model_request, model_spec, rest_tensors, scored_class

_OK = 200


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """What goes over HTTP.

    Attributes:
      method: `GET` or `POST`.
      path: percent-encoded, from `/v1`.
      body: JSON, `None` for a GET.
    """

    method: str
    path: str
    body: bytes | None = None


def to_http(request: model_request.ModelRequest) -> HttpRequest:
    """Returns the HTTP request that asks for it."""
    path = model_path(request.model)
    match request:
        case model_request.StatusRequest():
            return HttpRequest("GET", path)
        case model_request.MetadataRequest():
            return HttpRequest("GET", f"{path}/metadata")
        case model_request.PredictRequest():
            return HttpRequest("POST", f"{path}:predict", predict_body(request.signature_name, request.arrays))
        case model_request.ClassifyRequest():
            return HttpRequest("POST", f"{path}:classify", examples_body(request))
        case model_request.RegressRequest():
            return HttpRequest("POST", f"{path}:regress", examples_body(request))


def read(request: model_request.ModelRequest, http_status: int, body: bytes) -> Any:
    """Returns what an answer holds.

    Raises:
      ServingError: the error that it carries, or `InternalError` if it is not an answer to the request.
    """
    if http_status != _OK:
        raise to_error(http_status, body)
    try:
        return _read(request, _document(body))
    except errors.ServingError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise errors.InternalError(
            f"The server did not answer as TensorFlow Serving does ({type(error).__name__}: {error}), but {_cut(body)}."
        ) from error


def model_path(model: model_spec.ModelSpec) -> str:
    """Returns the URL path of a model, or of one of its versions."""
    path = f"/v1/models/{urllib.parse.quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    if model.version_label is not None:
        return f"{path}/labels/{urllib.parse.quote(model.version_label, safe='')}"
    return path


def predict_body(signature_name: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Returns the body of a predict request in column format; bytes that are no UTF-8 go as base64.

    Raises:
      UnimplementedError: if JSON cannot hold a number, such as a bfloat16.
    """
    inputs = {name: rest_tensors.to_json(array.tolist()) for name, array in arrays.items()}
    return json.dumps({"signature_name": signature_name, "inputs": inputs}, default=_refuse).encode()


def examples_body(request: model_request.ClassifyRequest | model_request.RegressRequest) -> bytes:
    """Returns the body of a classify or regress request."""
    body = {"signature_name": request.signature_name, "examples": list(map(_example, request.examples))}
    if request.context is not None:
        body["context"] = _example(request.context)
    return json.dumps(body).encode()


def to_error(http_status: int, body: bytes) -> errors.ServingError:
    """Returns the error that an answer carries."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        message = None
    if not isinstance(message, str):
        message = f"HTTP status {http_status} with a body that is not the API's: {_cut(body)}"
    return errors.error_from_http_status(http_status, message)


def _read(request: model_request.ModelRequest, document: Mapping[str, Any]) -> Any:
    match request:
        case model_request.StatusRequest():
            return [_version_status(item) for item in _member(document, "model_version_status")]
        case model_request.MetadataRequest():
            return _metadata(document)
        case model_request.PredictRequest():
            return _outputs(document, request.signature.outputs)
        case model_request.ClassifyRequest():
            return [[_scored_class(*each) for each in classes] for classes in _member(document, "results")]
        case model_request.RegressRequest():
            return _floats(_member(document, "results"), 1)


def _outputs(document: Mapping[str, Any], specs: Mapping[str, model_info.TensorSpec]) -> dict[str, np.ndarray]:
    # A single output comes without its name.
    outputs = _member(document, "outputs")
    outputs = {next(iter(specs)): outputs} if len(specs) == 1 else outputs
    if not isinstance(outputs, dict) or set(outputs) != set(specs):
        raise errors.InternalError(
            f"The server answered other outputs than the {sorted(specs)} that its metadata declares; "
            "it may have changed versions between two requests. Ask again."
        )
    return {name: rest_tensors.to_array(name, values, specs[name]) for name, values in outputs.items()}


def _version_status(item: Mapping[str, Any]) -> model_info.ModelVersionStatus:
    return model_info.ModelVersionStatus(
        version=int(item["version"]),
        state=_text(item["state"]),
        error_code=errors.StatusCode[item["status"]["error_code"]],
        error_message=_text(item["status"]["error_message"]),
    )


def _metadata(document: Mapping[str, Any]) -> model_info.ModelMetadata:
    model, metadata = _member(document, "model_spec"), _member(document, "metadata")
    return model_info.ModelMetadata(
        model_name=_text(model["name"]),
        version=int(model["version"]),
        signatures={
            name: model_info.Signature(_specs(signature.get("inputs", {})), _specs(signature.get("outputs", {})))
            for name, signature in metadata["signature_def"]["signature_def"].items()
        },
    )


def _scored_class(label: str, score: float) -> scored_class.ScoredClass:
    return scored_class.ScoredClass(_text(label), _floats(score, 0).item())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} in place of a text")
    return value


def _floats(values: Any, num_dimensions: int) -> np.ndarray:
    # JSON has the digits of float32 numbers, and Python would read them as doubles.
    floats = rest_tensors.to_array("results", values, model_info.TensorSpec("DT_FLOAT", (None,) * num_dimensions))
    if floats.ndim != num_dimensions:
        raise TypeError(f"{floats.ndim} dimensions in place of {num_dimensions}")
    return floats


def _specs(tensors: Mapping[str, Any]) -> dict[str, model_info.TensorSpec]:
    return {
        name: model_info.TensorSpec(_text(info["dtype"]), _shape(info["tensor_shape"]))
        for name, info in tensors.items()
    }


def _shape(shape: Mapping[str, Any]) -> tuple[int | None, ...] | None:
    if shape.get("unknown_rank"):
        return None
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    return tuple(None if size < 0 else size for size in sizes)


def _refuse(value: Any) -> None:
    raise errors.UnimplementedError(f"A {type(value).__name__} such as {value!r} has no JSON form; ask over gRPC.")


def _example(features: example_features.Features) -> dict[str, Any]:
    return {name: rest_tensors.to_json(values) for name, values in features.items()}


def _document(body: bytes) -> dict[str, Any]:
    try:
        # Strings that are no UTF-8 come as the bytes they are; see rest_tensors.
        document = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise errors.InternalError(f"The server did not answer JSON, but {_cut(body)}.") from error
    if not isinstance(document, dict):
        raise errors.InternalError(f"The server did not answer a JSON object, but {_cut(body)}.")
    return document


def _member(document: Mapping[str, Any], key: str) -> Any:
    if key not in document:
        raise errors.InternalError(f"The server's answer lacks {key!r}; is this a TensorFlow Serving address?")
    return document[key]


def _cut(body: bytes) -> str:
    return repr(body[:200])
