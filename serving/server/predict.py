"""Answers one Predict request with one loaded version; gRPC and the warm-up do it alike."""

from collections.abc import Mapping

import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving import errors, tensor_proto
from serving.server import example_signatures, model_specs, servable

_METHODS = ("tensorflow/serving/predict", example_signatures.CLASSIFY_METHOD, example_signatures.REGRESS_METHOD)


def predict(
    model: servable.Servable,
    request: predict_pb2.PredictRequest,
    *,
    is_method_name_checked: bool = False,
    is_tensor_content: bool = False,
) -> predict_pb2.PredictResponse:
    """Answers a Predict request with one loaded version; the answer names the version and the signature.

    Args:
      model: what answers.
      request: the signature and its inputs.
      is_method_name_checked: see `require_method`.
      is_tensor_content: whether numbers are answered as bytes instead of typed fields.

    Raises:
      ServingError: see `Servable.run`; also if a tensor of the request cannot be read.
    """
    signature_name = model_specs.signature_name(request.model_spec)
    if is_method_name_checked:
        require_method(model, signature_name)
    inputs = {name: tensor_proto.to_array(proto, name) for name, proto in request.inputs.items()}
    outputs = model.run(signature_name, inputs, list(request.output_filter))
    response = predict_pb2.PredictResponse(model_spec=model_specs.answered(request.model_spec, model.version))
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(tensor_proto.to_proto(array, is_tensor_content))
    return response


def as_messages(
    signature_name: str, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> tuple[predict_pb2.PredictRequest, predict_pb2.PredictResponse]:
    """Returns what request and answer would have been over gRPC, but for model and version."""
    request, response = predict_pb2.PredictRequest(), predict_pb2.PredictResponse()
    request.model_spec.signature_name = signature_name
    for message, arrays in ((request.inputs, inputs), (response.outputs, outputs)):
        for name, array in arrays.items():
            message[name].CopyFrom(tensor_proto.to_proto(array))
    return request, response


def require_method(model: servable.Servable, signature_name: str) -> None:
    """Refuses a signature that was exported for a method of its own; Predict takes those of Classify and Regress too.

    Raises:
      InternalError: as upstream (VerifySignature in predict_util.cc).
    """
    signature = model.signature_defs.get(signature_name)
    if signature is not None and signature.method_name not in _METHODS:
        raise errors.InternalError(
            f"Expected prediction signature method_name to be one of {{{', '.join(_METHODS)}}}. "
            f"Was: {signature.method_name}"
        )
