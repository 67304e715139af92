"""Answers one Regress request with one loaded version: one number for each example.

Rules and sentences are those of TensorFlow Serving's servables/tensorflow/regressor.cc.
"""

import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import regression_pb2

from serving import errors, tensor_proto
from serving.server import example_inputs, example_signatures, model_specs, servable

_OUTPUTS = "outputs"


def regress(
    model: servable.Servable, request: regression_pb2.RegressionRequest, *, is_method_name_checked: bool = False
) -> regression_pb2.RegressionResponse:
    """Answers a Regress request; the answer names the version and the signature.

    Args:
      model: what answers.
      request: the signature and the examples.
      is_method_name_checked: whether the signature has to be exported for Regress.

    Raises:
      ServingError: if the signature is no regression, there is no example, or the model fails or answers anything
        but one number for each example.
    """
    signature_name = model_specs.signature_name(request.model_spec)
    require_signature(example_signatures.find(model, signature_name), is_method_name_checked)
    examples = example_inputs.to_array(request.input)
    return regression_pb2.RegressionResponse(
        model_spec=model_specs.answered(request.model_spec, model.version),
        result=regressions(model, signature_name, examples),
    )


def require_signature(signature: meta_graph_pb2.SignatureDef, is_method_name_checked: bool) -> None:
    """Refuses a signature that is no regression over examples.

    Raises:
      InvalidArgumentError: with what is wrong about it.
    """
    method_name = example_signatures.REGRESS_METHOD
    if is_method_name_checked:
        example_signatures.require_method(signature, method_name)
    example_signatures.require_one_input(signature)
    if len(signature.outputs) != 1:
        raise errors.InvalidArgumentError("Expected one output Tensor.")
    example_signatures.require_examples(signature, method_name)
    if _OUTPUTS not in signature.outputs:
        raise errors.InvalidArgumentError(f"No regression outputs found in SignatureDef: {signature}")


def regressions(model: servable.Servable, signature_name: str, examples: np.ndarray) -> regression_pb2.RegressionResult:
    """Runs a signature that is a regression.

    Args:
      model: what answers.
      signature_name: of a signature that `require_signature` lets pass.
      examples: `[num_examples]` serialized tf.Examples.

    Raises:
      ServingError: see `regress`.
    """
    output = model.run(signature_name, {example_signatures.INPUTS: examples}, [_OUTPUTS])[_OUTPUTS]
    _require_one_each(output, len(examples))
    result = regression_pb2.RegressionResult()
    for value in np.ravel(output).tolist():
        result.regressions.add(value=value)
    return result


def _require_one_each(output: np.ndarray, num_examples: int) -> None:
    if output.ndim not in (1, 2) or output.shape[1:] not in ((), (1,)):
        raise errors.InvalidArgumentError(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"[{','.join(map(str, output.shape))}]"
        )
    if len(output) != num_examples:
        raise errors.InvalidArgumentError(
            f"Input batch size did not match output batch size: {num_examples} vs. {len(output)}"
        )
    data_type = tensor_proto.data_type_of(output)
    if data_type != types_pb2.DT_FLOAT:
        raise errors.InvalidArgumentError(
            f"Expected output Tensor of DT_FLOAT.  Got: {types_pb2.DataType.Name(data_type)}"
        )
