"""gRPC PredictionService: Predict and GetModelMetadata over the loaded models."""

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving import errors
from serving.server import grpc_status, model_registry, predict

SIGNATURE_DEF_FIELD = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the models of a registry."""

    def __init__(self, models: model_registry.ModelRegistry):
        self._models = models

    @grpc_status.answers_errors
    def Predict(  # noqa: N802 - the name is the protocol's.
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs one signature of one model version."""
        del context
        with self._models.lease(_model_spec(request)) as model:
            return predict.predict(model, request)

    @grpc_status.answers_errors
    def GetModelMetadata(  # noqa: N802 - the name is the protocol's.
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of one model version."""
        del context
        return model_metadata(self._models, request)

    @grpc_status.answers_errors
    def Classify(self, request: object, context: grpc.ServicerContext) -> None:  # noqa: N802
        """Refuses: models here are asked by Predict."""
        raise _unimplemented("Classify")

    @grpc_status.answers_errors
    def Regress(self, request: object, context: grpc.ServicerContext) -> None:  # noqa: N802
        """Refuses: models here are asked by Predict."""
        raise _unimplemented("Regress")

    @grpc_status.answers_errors
    def MultiInference(self, request: object, context: grpc.ServicerContext) -> None:  # noqa: N802
        """Refuses: models here are asked by Predict."""
        raise _unimplemented("MultiInference")


def model_metadata(
    models: model_registry.ModelRegistry, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Returns the SignatureDefs of a version, for gRPC and REST.

    Raises:
      ServingError: if the model is not there, or another field than `signature_def` is asked for.
    """
    model_spec = _model_spec(request)
    if not request.metadata_field:
        raise errors.InvalidArgumentError("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF_FIELD:
            raise errors.InvalidArgumentError(f"Metadata field {field} is not supported")
    with models.lease(model_spec) as model:
        response = get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=model_pb2.ModelSpec(name=model.model_name, version={"value": model.version})
        )
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=model.signature_defs)
    response.metadata[SIGNATURE_DEF_FIELD].Pack(signatures)
    return response


def _model_spec(
    request: predict_pb2.PredictRequest | get_model_metadata_pb2.GetModelMetadataRequest,
) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise errors.InvalidArgumentError("Missing ModelSpec")
    return request.model_spec


def _unimplemented(method: str) -> errors.UnimplementedError:
    return errors.UnimplementedError(f"This server does not implement {method}; call Predict with a signature_name.")
