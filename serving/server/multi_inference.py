"""Answers one MultiInference request with one loaded version: several signatures over the same examples.

Rules and sentences are those of TensorFlow Serving's servables/tensorflow/multi_inference.cc. That runs the graph once
for the outputs of all tasks; here each signature is a call of its own, which is what a `Servable` offers, so parts that
signatures share are computed once for each. Every task is checked before the first one runs.
"""

from tensorflow_serving.apis import inference_pb2

from serving import errors
from serving.server import classify, example_inputs, example_signatures, model_specs, regress, servable

_REQUIRE_BY_METHOD = {
    example_signatures.CLASSIFY_METHOD: classify.require_signature,
    example_signatures.REGRESS_METHOD: regress.require_signature,
}


def multi_inference(
    model: servable.Servable, request: inference_pb2.MultiInferenceRequest, *, is_method_name_checked: bool = False
) -> inference_pb2.MultiInferenceResponse:
    """Answers a MultiInference request: one result for each task, in their order, with version and signature.

    Args:
      model: what answers.
      request: tasks and examples.
      is_method_name_checked: whether each signature has to be exported for the method of its task.

    Raises:
      ServingError: if the tasks ask different models, one signature twice or signatures with different inputs, name
        a method other than Classify and Regress, or one of them fails; see `classify` and `regress`.
    """
    _require_tasks(model, request, is_method_name_checked)
    examples = example_inputs.to_array(request.input)
    response = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        name = model_specs.signature_name(task.model_spec)
        result = response.results.add(model_spec=model_specs.answered(task.model_spec, model.version))
        if task.method_name == example_signatures.CLASSIFY_METHOD:
            result.classification_result.CopyFrom(classify.classifications(model, name, examples))
        else:
            result.regression_result.CopyFrom(regress.regressions(model, name, examples))
    return response


def _require_tasks(
    model: servable.Servable, request: inference_pb2.MultiInferenceRequest, is_method_name_checked: bool
) -> None:
    if not request.tasks:
        raise errors.InvalidArgumentError("A MultiInferenceRequest must have at least one task, but has none.")
    names: set[str] = set()
    for task in request.tasks:
        if not task.model_spec.name:
            raise errors.InvalidArgumentError("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise errors.InvalidArgumentError(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        name = model_specs.signature_name(task.model_spec)
        if name in names:
            raise errors.InvalidArgumentError(f"Duplicate evaluation of signature: {name}")
        names.add(name)
        _require_signature(model, name, task.method_name, is_method_name_checked)
        if _input_tensor(model, name) != _input_tensor(model, model_specs.signature_name(request.tasks[0].model_spec)):
            raise errors.InvalidArgumentError("Input tensor must be the same for all Signatures.")


def _require_signature(model: servable.Servable, name: str, method_name: str, is_method_name_checked: bool) -> None:
    if name not in model.signature_defs:
        raise errors.InvalidArgumentError(f"Requested signature not found in model graph: {name}")
    if method_name not in _REQUIRE_BY_METHOD:
        raise errors.UnimplementedError(f"Unsupported signature method_name: {method_name}")
    _REQUIRE_BY_METHOD[method_name](model.signature_defs[name], is_method_name_checked)


def _input_tensor(model: servable.Servable, signature_name: str) -> str:
    return model.signature_defs[signature_name].inputs[example_signatures.INPUTS].name
