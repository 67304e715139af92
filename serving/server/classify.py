"""Answers one Classify request with one loaded version: for each example its classes, each a label with a score.

Rules and sentences are those of TensorFlow Serving's servables/tensorflow/classifier.cc.
"""

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2

from serving import errors, tensor_proto
from serving.server import example_inputs, example_signatures, model_specs, servable

_CLASSES, _SCORES = "classes", "scores"
_DATA_TYPES = {_CLASSES: types_pb2.DT_STRING, _SCORES: types_pb2.DT_FLOAT}


def classify(
    model: servable.Servable, request: classification_pb2.ClassificationRequest, *, is_method_name_checked: bool = False
) -> classification_pb2.ClassificationResponse:
    """Answers a Classify request; the answer names the version and the signature.

    Args:
      model: what answers.
      request: the signature and the examples.
      is_method_name_checked: whether the signature has to be exported for Classify.

    Raises:
      ServingError: if the signature does not classify, there is no example, or the model fails or answers in
        another shape than classes have.
    """
    signature_name = model_specs.signature_name(request.model_spec)
    require_signature(example_signatures.find(model, signature_name), is_method_name_checked)
    examples = example_inputs.to_array(request.input)
    return classification_pb2.ClassificationResponse(
        model_spec=model_specs.answered(request.model_spec, model.version),
        result=classifications(model, signature_name, examples),
    )


def require_signature(signature: meta_graph_pb2.SignatureDef, is_method_name_checked: bool) -> None:
    """Refuses a signature that does not classify examples.

    Raises:
      InvalidArgumentError: with what is wrong about it.
    """
    method_name = example_signatures.CLASSIFY_METHOD
    if is_method_name_checked:
        example_signatures.require_method(signature, method_name)
    example_signatures.require_one_input(signature)
    if len(signature.outputs) not in (1, 2):
        raise errors.InvalidArgumentError(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    example_signatures.require_examples(signature, method_name)
    if not _wanted(signature):
        raise errors.InvalidArgumentError(
            f'Expected classification signature outputs to contain at least one of "{_CLASSES}" or "{_SCORES}". '
            f"Signature was: {signature}"
        )


def classifications(
    model: servable.Servable, signature_name: str, examples: np.ndarray
) -> classification_pb2.ClassificationResult:
    """Runs a signature that classifies; where it has no labels they are empty, where no scores these are 0.

    Args:
      model: what answers.
      signature_name: of a signature that `require_signature` lets pass.
      examples: `[num_examples]` serialized tf.Examples.

    Raises:
      ServingError: see `classify`.
    """
    wanted = _wanted(model.signature_defs[signature_name])
    outputs = model.run(signature_name, {example_signatures.INPUTS: examples}, wanted)
    for name in wanted:
        _require_matrix(name, outputs[name], len(examples))
    shapes = [outputs[name].shape for name in wanted]
    if shapes[0] != shapes[-1]:
        raise errors.InvalidArgumentError(
            f"Tensors class and score should match in dim_size(1). Got {shapes[0][1]} vs. {shapes[-1][1]}"
        )
    labels = outputs.get(_CLASSES, np.full(shapes[0], b"", object))
    scores = outputs.get(_SCORES, np.zeros(shapes[0], np.float32))
    result = classification_pb2.ClassificationResult()
    for row_labels, row_scores in zip(labels.tolist(), scores.tolist(), strict=True):
        row = result.classifications.add()
        for label, score in zip(row_labels, row_scores, strict=True):
            row.classes.add(label=_text(label), score=score)
    return result


def _wanted(signature: meta_graph_pb2.SignatureDef) -> list[str]:
    return [name for name in _DATA_TYPES if name in signature.outputs]


def _require_matrix(name: str, array: np.ndarray, num_examples: int) -> None:
    if array.ndim != 2:
        shape = ",".join(map(str, array.shape))
        raise errors.InvalidArgumentError(f"Expected Tensor shape: [batch_size num_classes] but got [{shape}]")
    expected, came = _DATA_TYPES[name], tensor_proto.data_type_of(array)
    if came != expected:
        names = [types_pb2.DataType.Name(data_type) for data_type in (expected, came)]
        raise errors.InvalidArgumentError(f"Expected {name} Tensor of {names[0]}. Got: {names[1]}")
    if len(array) != num_examples:
        raise errors.InvalidArgumentError(f"Expected {name} output batch size of {num_examples}. Got: {len(array)}")


def _text(label: bytes) -> str:
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise errors.InvalidArgumentError(
            f"Labels must be UTF-8 to be sent in a ClassificationResponse, but one is {label!r}; ask the signature by "
            "Predict, which sends bytes."
        ) from error
