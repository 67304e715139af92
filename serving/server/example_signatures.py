"""What a signature has to be so that a Classify or Regress request may ask it.

Exports of TensorFlow 1 say of each signature which method it is for. Those of TensorFlow 2 say `predict` of every
one, so the name is only compared where that is asked for (TensorFlow Serving's --enable_signature_method_name_check,
off by default). Rules and sentences are those of its classifier.cc and regressor.cc.
"""

from tensorflow.core.protobuf import meta_graph_pb2

from serving import errors
from serving.server import servable

CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"
# The one input: serialized tf.Examples.
INPUTS = "inputs"

_WORDS = {CLASSIFY_METHOD: "classification", REGRESS_METHOD: "regression"}


def find(model: servable.Servable, signature_name: str) -> meta_graph_pb2.SignatureDef:
    """Returns a signature of a model.

    Raises:
      InvalidArgumentError: if the model has none of this name.
    """
    signature = model.signature_defs.get(signature_name)
    if signature is None:
        raise errors.InvalidArgumentError(f"No signature was found with the name: {signature_name}")
    return signature


def require_method(signature: meta_graph_pb2.SignatureDef, method_name: str) -> None:
    """Refuses a signature that was exported for another method.

    Raises:
      InvalidArgumentError: with the name that it has.
    """
    if signature.method_name != method_name:
        raise errors.InvalidArgumentError(
            f"Expected {_WORDS[method_name]} signature method_name to be {method_name}. Was: {signature.method_name}"
        )


def require_one_input(signature: meta_graph_pb2.SignatureDef) -> None:
    """Refuses a signature of several inputs, or of none.

    Raises:
      InvalidArgumentError: without the number, as upstream.
    """
    if len(signature.inputs) != 1:
        raise errors.InvalidArgumentError("Expected one input Tensor.")


def require_examples(signature: meta_graph_pb2.SignatureDef, method_name: str) -> None:
    """Refuses a signature whose input has another name than `inputs`.

    Raises:
      InvalidArgumentError: with the signature.
    """
    if INPUTS not in signature.inputs:
        raise errors.InvalidArgumentError(f"No {_WORDS[method_name]} inputs found in SignatureDef: {signature}")
