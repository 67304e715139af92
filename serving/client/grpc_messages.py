"""gRPC messages as pure functions: what is asked to messages, messages to results. Importing it loads TensorFlow."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import message as protobuf_message
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving import errors, tensor_proto
from serving.client import example_features, model_info, model_request, model_spec, scored_class

_SIGNATURE_DEF_FIELD = "signature_def"


def to_message(request: model_request.ModelRequest) -> protobuf_message.Message:
    """Returns the message that asks for it.

    Raises:
      ServingError: if an input cannot be sent.
    """
    spec = to_model_spec(request.model)
    match request:
        case model_request.StatusRequest():
            return get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        case model_request.MetadataRequest():
            return get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=spec, metadata_field=[_SIGNATURE_DEF_FIELD]
            )
        case model_request.PredictRequest():
            spec.signature_name = request.signature_name
            inputs = {name: tensor_proto.to_proto(array) for name, array in request.arrays.items()}
            return predict_pb2.PredictRequest(model_spec=spec, inputs=inputs)
        case model_request.ClassifyRequest():
            spec.signature_name = request.signature_name
            return classification_pb2.ClassificationRequest(model_spec=spec, input=_to_input(request))
        case model_request.RegressRequest():
            spec.signature_name = request.signature_name
            return regression_pb2.RegressionRequest(model_spec=spec, input=_to_input(request))


def read(request: model_request.ModelRequest, response: protobuf_message.Message | None) -> Any:
    """Returns what an answer holds.

    Args:
      request: what was asked.
      response: the answer, `None` for one that is no such message.

    Raises:
      InternalError: if it is not an answer to the request.
    """
    if response is None:
        raise errors.InternalError("The server did not answer as TensorFlow Serving does: that is no such message.")
    try:
        return _read(request, response)
    except (LookupError, TypeError, ValueError, protobuf_message.Error) as error:
        raise errors.InternalError(f"The server did not answer as TensorFlow Serving does ({error}).") from error


def to_model_spec(model: model_spec.ModelSpec) -> model_pb2.ModelSpec:
    """Returns the message that names a model."""
    spec = model_pb2.ModelSpec(name=model.name)
    if model.version is not None:
        spec.version.value = model.version
    if model.version_label is not None:
        spec.version_label = model.version_label
    return spec


def to_example(features: example_features.Features) -> example_pb2.Example:
    """Returns the message that holds the features; one without values has no kind."""
    example = example_pb2.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        if not values:
            continue
        if isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(text.encode() if isinstance(text, str) else text for text in values)
    return example


def _to_input(request: model_request.ClassifyRequest | model_request.RegressRequest) -> input_pb2.Input:
    examples = list(map(to_example, request.examples))
    if request.context is None:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))
    return input_pb2.Input(
        example_list_with_context=input_pb2.ExampleListWithContext(
            examples=examples, context=to_example(request.context)
        )
    )


def _read(request: model_request.ModelRequest, response: protobuf_message.Message) -> Any:
    match request:
        case model_request.StatusRequest():
            return [_version_status(item) for item in response.model_version_status]
        case model_request.MetadataRequest():
            return _metadata(response)
        case model_request.PredictRequest():
            return {name: tensor_proto.to_array(proto, name) for name, proto in response.outputs.items()}
        case model_request.ClassifyRequest():
            return [
                [scored_class.ScoredClass(each.label, each.score) for each in classifications.classes]
                for classifications in response.result.classifications
            ]
        case model_request.RegressRequest():
            return np.array([regression.value for regression in response.result.regressions], np.float32)


def _version_status(item: get_model_status_pb2.ModelVersionStatus) -> model_info.ModelVersionStatus:
    return model_info.ModelVersionStatus(
        version=item.version,
        state=get_model_status_pb2.ModelVersionStatus.State.Name(item.state),
        error_code=errors.StatusCode(item.status.error_code),
        error_message=item.status.error_message,
    )


def _metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> model_info.ModelMetadata:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    if not response.metadata[_SIGNATURE_DEF_FIELD].Unpack(signatures):
        raise ValueError(f"it lacks {_SIGNATURE_DEF_FIELD!r}")
    return model_info.ModelMetadata(
        model_name=response.model_spec.name,
        version=response.model_spec.version.value,
        signatures={
            name: model_info.Signature(_specs(signature.inputs), _specs(signature.outputs))
            for name, signature in signatures.signature_def.items()
        },
    )


def _specs(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, model_info.TensorSpec]:
    return {
        name: model_info.TensorSpec(types_pb2.DataType.Name(info.dtype), _shape(info.tensor_shape))
        for name, info in tensors.items()
    }


def _shape(shape: tensor_shape_pb2.TensorShapeProto) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
