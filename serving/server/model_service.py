"""gRPC ModelService: which versions serve, and which models are to."""

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from serving import errors
from serving.server import grpc_status, model_config, model_registry


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Answers from the models of a registry."""

    def __init__(self, models: model_registry.ModelRegistry):
        self._models = models

    @grpc_status.answers_errors
    def GetModelStatus(  # noqa: N802 - the name is the protocol's.
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the state of one version, or of all versions of a model."""
        del context
        return model_status(self._models, request)

    @grpc_status.answers_errors
    def HandleReloadConfigRequest(  # noqa: N802 - the name is the protocol's.
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves the models of the request from now on, and answers when they do; if one is wrong, nothing changes."""
        if not context.is_active():
            raise errors.CancelledError("The caller went away before the reload began.")
        self._models.reload(model_config.from_proto(request.config, self._models.knows))
        response = model_management_pb2.ReloadConfigResponse()
        # A status that is present and OK, as TensorFlow Serving answers.
        response.status.SetInParent()
        return response


def model_status(
    models: model_registry.ModelRegistry, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """Returns the states of the versions asked for, newest first, for gRPC and REST.

    Raises:
      ServingError: if the request names no model, or one that never had a version.
    """
    if not request.HasField("model_spec"):
        raise errors.InvalidArgumentError("Missing ModelSpec")
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in models.statuses(request.model_spec):
        message = response.model_version_status.add()
        message.version = status.version
        message.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state.name)
        if status.error is not None:
            message.status.error_code = status.error.code
            message.status.error_message = status.error.message
        else:
            # A status that is present and OK, as TensorFlow Serving answers.
            message.status.SetInParent()
    return response
