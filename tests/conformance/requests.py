"""Messages of TensorFlow Serving's API, built in one call each."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)


def spec(
    name: str, signature_name: str = "", version: int | None = None, label: str | None = None
) -> model_pb2.ModelSpec:
    """Returns which model, version and signature is asked."""
    made = model_pb2.ModelSpec(name=name, signature_name=signature_name)
    if version is not None:
        made.version.value = version
    if label is not None:
        made.version_label = label
    return made


def predict(
    model_spec: model_pb2.ModelSpec | None, inputs: Mapping[str, object] = {}, output_filter: Sequence[str] = ()
) -> predict_pb2.PredictRequest:
    """Returns a Predict request; lists and numbers become float32, arrays of objects strings."""
    request = predict_pb2.PredictRequest(model_spec=model_spec, output_filter=output_filter)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, _dtype(value)))
    return request


def _dtype(value: object) -> tf.DType | None:
    if isinstance(value, list | float):
        return tf.float32
    return tf.string if isinstance(value, np.ndarray) and value.dtype == object else None


def example(**features: float | int | str | list) -> tf.train.Example:
    """Returns a tf.Example; the type of the first value says which kind a feature is of."""
    made = tf.train.Example()
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        feature = made.features.feature[name]
        if isinstance(values[0], str):
            feature.bytes_list.value.extend(each.encode() for each in values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return made


def examples(*made: tf.train.Example, context: tf.train.Example | None = None) -> input_pb2.Input:
    """Returns the input of Classify, Regress and MultiInference."""
    if context is None:
        return input_pb2.Input(example_list={"examples": made})
    return input_pb2.Input(example_list_with_context={"examples": made, "context": context})


def numbers(*values: float) -> input_pb2.Input:
    """Returns an example with a feature `x` for each value."""
    return examples(*(example(x=value) for value in values))


def classify(
    model_spec: model_pb2.ModelSpec | None, given: input_pb2.Input | None = None
) -> classification_pb2.ClassificationRequest:
    """Returns a Classify request."""
    return classification_pb2.ClassificationRequest(model_spec=model_spec, input=given)


def regress(
    model_spec: model_pb2.ModelSpec | None, given: input_pb2.Input | None = None
) -> regression_pb2.RegressionRequest:
    """Returns a Regress request."""
    return regression_pb2.RegressionRequest(model_spec=model_spec, input=given)


def multi_inference(
    *tasks: tuple[model_pb2.ModelSpec | None, str], given: input_pb2.Input | None = None
) -> inference_pb2.MultiInferenceRequest:
    """Returns a MultiInference request of tasks, each a model and a method."""
    made = [inference_pb2.InferenceTask(model_spec=model_spec, method_name=method) for model_spec, method in tasks]
    return inference_pb2.MultiInferenceRequest(tasks=made, input=given)


def metadata(model_spec: model_pb2.ModelSpec | None, *fields: str) -> get_model_metadata_pb2.GetModelMetadataRequest:
    """Returns a GetModelMetadata request."""
    return get_model_metadata_pb2.GetModelMetadataRequest(model_spec=model_spec, metadata_field=fields)


def status(model_spec: model_pb2.ModelSpec | None) -> get_model_status_pb2.GetModelStatusRequest:
    """Returns a GetModelStatus request."""
    return get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec)
