"""What a request says of the model that it asks, and what the answer says of the one that answered."""

from tensorflow_serving.apis import model_pb2

from serving.server import servable


def signature_name(model_spec: model_pb2.ModelSpec) -> str:
    """Returns the signature that a request names, `serving_default` if it names none."""
    return model_spec.signature_name or servable.DEFAULT_SIGNATURE_NAME


def answered(model_spec: model_pb2.ModelSpec, version: int) -> model_pb2.ModelSpec:
    """Returns the ModelSpec of an answer: the name that was asked for, the signature, and the version that answered."""
    return model_pb2.ModelSpec(
        name=model_spec.name, version={"value": version}, signature_name=signature_name(model_spec)
    )
