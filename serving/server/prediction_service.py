"""gRPC PredictionService over the loaded models."""

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving import errors
from serving.server import classify, grpc_status, model_registry, multi_inference, predict, regress

SIGNATURE_DEF_FIELD = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the models of a registry."""

    def __init__(self, models: model_registry.ModelRegistry, is_method_name_checked: bool = False):
        """Prepares the service.

        Args:
          models: what answers.
          is_method_name_checked: whether a signature answers only the method it was exported for.
        """
        self._models = models
        self._is_method_name_checked = is_method_name_checked

    @grpc_status.answers_errors
    def Predict(  # noqa: N802 - the name is the protocol's.
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs one signature of one model version."""
        del context
        with self._models.lease(_model_spec(request)) as model:
            return predict.predict(model, request, is_method_name_checked=self._is_method_name_checked)

    @grpc_status.answers_errors
    def GetModelMetadata(  # noqa: N802 - the name is the protocol's.
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of one model version."""
        del context
        return model_metadata(self._models, request)

    @grpc_status.answers_errors
    def Classify(  # noqa: N802 - the name is the protocol's.
        self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext
    ) -> classification_pb2.ClassificationResponse:
        """Labels and scores each example."""
        del context
        with self._models.lease(_model_spec(request)) as model:
            return classify.classify(model, request, is_method_name_checked=self._is_method_name_checked)

    @grpc_status.answers_errors
    def Regress(  # noqa: N802 - the name is the protocol's.
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        """Gives each example a number."""
        del context
        with self._models.lease(_model_spec(request)) as model:
            return regress.regress(model, request, is_method_name_checked=self._is_method_name_checked)

    @grpc_status.answers_errors
    def MultiInference(  # noqa: N802 - the name is the protocol's.
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        """Runs several signatures over the same examples; the first task says which version."""
        del context
        model_spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        with self._models.lease(model_spec) as model:
            return multi_inference.multi_inference(model, request, is_method_name_checked=self._is_method_name_checked)


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
    request: predict_pb2.PredictRequest
    | classification_pb2.ClassificationRequest
    | regression_pb2.RegressionRequest
    | get_model_metadata_pb2.GetModelMetadataRequest,
) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise errors.InvalidArgumentError("Missing ModelSpec")
    return request.model_spec
