"""Answers one Predict request with one loaded version; gRPC and the warm-up do it alike."""

from tensorflow_serving.apis import model_pb2, predict_pb2

from serving import tensor_proto
from serving.server import servable


def predict(model: servable.Servable, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """Answers a Predict request with one loaded version; the answer names the version and the signature.

    Raises:
      ServingError: see `Servable.run`; also if a tensor of the request cannot be read.
    """
    signature_name = request.model_spec.signature_name or servable.DEFAULT_SIGNATURE_NAME
    inputs = {name: tensor_proto.to_array(proto, name) for name, proto in request.inputs.items()}
    outputs = model.run(signature_name, inputs, list(request.output_filter))
    response = predict_pb2.PredictResponse(
        model_spec=model_pb2.ModelSpec(
            name=request.model_spec.name, version={"value": model.version}, signature_name=signature_name
        )
    )
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(tensor_proto.to_proto(array))
    return response
