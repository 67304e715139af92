"""gRPC PredictionService over the loaded models."""

import functools
import time

import grpc
from google.protobuf import message
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
from serving.server import cancellation as cancellation_lib
from serving.server import (
    classify,
    grpc_status,
    model_registry,
    multi_inference,
    predict,
    regress,
    request_records,
)

SIGNATURE_DEF_FIELD = "signature_def"
_LONGEST_SECONDS = 1e9
_Request = (
    predict_pb2.PredictRequest
    | classification_pb2.ClassificationRequest
    | regression_pb2.RegressionRequest
    | inference_pb2.InferenceTask
    | get_model_metadata_pb2.GetModelMetadataRequest
)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the models of a registry."""

    def __init__(
        self,
        models: model_registry.ModelRegistry,
        records: request_records.RequestRecords,
        *,
        is_method_name_checked: bool = False,
        is_tensor_content: bool = False,
    ):
        """Prepares the service.

        Args:
          models: what answers.
          records: learns of every request.
          is_method_name_checked: whether a signature answers only the method it was exported for.
          is_tensor_content: whether Predict answers with bytes instead of typed fields.
        """
        self._models = models
        self._records = records
        is_checked = {"is_method_name_checked": is_method_name_checked}
        # What answers, and the field of PredictionLog that it is logged in.
        self._apis = {
            "Predict": (
                functools.partial(predict.predict, is_tensor_content=is_tensor_content, **is_checked),
                "predict_log",
            ),
            "Classify": (functools.partial(classify.classify, **is_checked), "classify_log"),
            "Regress": (functools.partial(regress.regress, **is_checked), "regress_log"),
            "MultiInference": (functools.partial(multi_inference.multi_inference, **is_checked), "multi_inference_log"),
        }

    @grpc_status.answers_errors
    def Predict(  # noqa: N802 - the name is the protocol's.
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs one signature of one model version."""
        return self._answer("Predict", request, request, context)

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
        return self._answer("Classify", request, request, context)

    @grpc_status.answers_errors
    def Regress(  # noqa: N802 - the name is the protocol's.
        self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext
    ) -> regression_pb2.RegressionResponse:
        """Gives each example a number."""
        return self._answer("Regress", request, request, context)

    @grpc_status.answers_errors
    def MultiInference(  # noqa: N802 - the name is the protocol's.
        self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext
    ) -> inference_pb2.MultiInferenceResponse:
        """Runs several signatures over the same examples; the first task says which version."""
        # Without a task, or a ModelSpec in it, there is no name, which is then refused.
        model_spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        first = inference_pb2.InferenceTask(model_spec=model_spec)
        return self._answer("MultiInference", first, request, context)

    def _answer(
        self, api: str, naming: _Request, request: message.Message, context: grpc.ServicerContext
    ) -> message.Message:
        """Returns the answer of the model that `naming` names."""
        answer, kind = self._apis[api]
        name = naming.model_spec.name
        # Names that clients make up would fill the memory.
        counted_name = name if self._models.knows(name) else ""
        with (
            self._records.recording(counted_name, api, "GRPC") as record,
            self._models.lease(_model_spec(naming), api, _deadline(context), _cancellation(context)) as model,
        ):
            record.version = model.version
            response = answer(model, request)
            model.log(kind, lambda: (request, response))
        return response


def _deadline(context: grpc.ServicerContext) -> float | None:
    """Returns when the caller stops waiting, on the monotonic clock; `None` for never."""
    seconds = context.time_remaining()
    # A request without a deadline has either none or one in hundreds of millions of years.
    return None if seconds is None or seconds > _LONGEST_SECONDS else time.monotonic() + seconds


def _cancellation(context: grpc.ServicerContext) -> cancellation_lib.Cancellation:
    """Returns what tells that the caller went away, as it may have while the request waited for a thread."""
    cancellation = cancellation_lib.Cancellation()
    if not context.add_callback(cancellation.cancel):
        cancellation.cancel()
    return cancellation


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


def _model_spec(request: _Request) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise errors.InvalidArgumentError("Missing ModelSpec")
    return request.model_spec
