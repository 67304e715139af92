"""gRPC messages as pure functions: arrays to requests, responses to arrays. Importing it loads TensorFlow."""

from collections.abc import Mapping

import grpc
import numpy as np
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2

from serving import errors, tensor_proto
from serving.client import model_info

_SIGNATURE_DEF_FIELD = "signature_def"


def predict_request(
    model_name: str, version: int | None, signature_name: str, arrays: Mapping[str, np.ndarray]
) -> predict_pb2.PredictRequest:
    """Returns the request that runs one signature."""
    request = predict_pb2.PredictRequest(model_spec=_model_spec(model_name, version))
    request.model_spec.signature_name = signature_name
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(tensor_proto.to_proto(array))
    return request


def read_outputs(response: predict_pb2.PredictResponse) -> dict[str, np.ndarray]:
    """Returns the arrays of a predict response."""
    return {name: tensor_proto.to_array(proto, name) for name, proto in response.outputs.items()}


def status_request(model_name: str, version: int | None) -> get_model_status_pb2.GetModelStatusRequest:
    """Returns the request for the state of one version, or of all."""
    return get_model_status_pb2.GetModelStatusRequest(model_spec=_model_spec(model_name, version))


def read_status(response: get_model_status_pb2.GetModelStatusResponse) -> list[model_info.ModelVersionStatus]:
    """Returns the version states of a response."""
    return [
        model_info.ModelVersionStatus(
            version=item.version,
            state=get_model_status_pb2.ModelVersionStatus.State.Name(item.state),
            error_code=errors.StatusCode(item.status.error_code),
            error_message=item.status.error_message,
        )
        for item in response.model_version_status
    ]


def metadata_request(model_name: str, version: int | None) -> get_model_metadata_pb2.GetModelMetadataRequest:
    """Returns the request for the signatures of a version."""
    return get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=_model_spec(model_name, version), metadata_field=[_SIGNATURE_DEF_FIELD]
    )


def read_metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> model_info.ModelMetadata:
    """Returns the signatures of a response."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata[_SIGNATURE_DEF_FIELD].Unpack(signatures)
    return model_info.ModelMetadata(
        model_name=response.model_spec.name,
        version=response.model_spec.version.value,
        signatures={
            name: model_info.Signature(_specs(signature.inputs), _specs(signature.outputs))
            for name, signature in signatures.signature_def.items()
        },
    )


def to_error(error: grpc.RpcError, address: str) -> errors.ServingError:
    """Returns the error of the same status code; one that a missing server causes names the address."""
    code, details = errors.StatusCode[error.code().name], error.details()
    if code is errors.StatusCode.UNAVAILABLE:
        details = f"{address} cannot be reached ({details}). Start the model server, or check the address."
    return errors.error_from_code(code, details)


def _model_spec(model_name: str, version: int | None) -> model_pb2.ModelSpec:
    model_spec = model_pb2.ModelSpec(name=model_name)
    if version is not None:
        model_spec.version.value = version
    return model_spec


def _specs(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, model_info.TensorSpec]:
    return {
        name: model_info.TensorSpec(types_pb2.DataType.Name(info.dtype), _shape(info.tensor_shape))
        for name, info in tensors.items()
    }


def _shape(shape: tensor_shape_pb2.TensorShapeProto) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
