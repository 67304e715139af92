import pytest
from tensorflow_serving.apis import inference_pb2

from serving import errors
from serving.server import multi_inference
from tests.serving import example_requests

_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def _request(*tasks, values=(2.0,), name="any"):
    return inference_pb2.MultiInferenceRequest(
        tasks=[
            {"model_spec": {"name": name, "signature_name": signature_name}, "method_name": method_name}
            for signature_name, method_name in tasks
        ],
        input=example_requests.of_x(*values),
    )


# Requests and numbers of multi_inference_test.cc: at x = 2, 0.5 x + 2 = 3 and 0.5 x + 3 = 4.
def test_each_task_gets_its_result_in_order(upstream_half_plus_two):
    request = _request(
        ("regress_x_to_y", _REGRESS), ("classify_x_to_y", _CLASSIFY), ("regress_x_to_y2", _REGRESS), values=(2.0, 4.0)
    )
    first, second, third = multi_inference.multi_inference(upstream_half_plus_two, request).results
    assert [regression.value for regression in first.regression_result.regressions] == [3.0, 4.0]
    rows = second.classification_result.classifications
    assert [[(one.label, one.score) for one in row.classes] for row in rows] == [[("", 3.0)], [("", 4.0)]]
    assert [regression.value for regression in third.regression_result.regressions] == [4.0, 5.0]


def test_each_result_names_the_version_and_its_signature(upstream_half_plus_two):
    request = _request(("regress_x_to_y", _REGRESS), ("classify_x_to_y", _CLASSIFY))
    specs = [result.model_spec for result in multi_inference.multi_inference(upstream_half_plus_two, request).results]
    assert [(spec.name, spec.version.value, spec.signature_name) for spec in specs] == [
        ("any", 123, "regress_x_to_y"),
        ("any", 123, "classify_x_to_y"),
    ]


def test_no_name_means_serving_default(animals):
    (result,) = multi_inference.multi_inference(animals, _request(("", _CLASSIFY))).results
    assert result.model_spec.signature_name == "serving_default"
    assert result.classification_result.classifications[0].classes[0].label == "cat"


# Texts as in TensorFlow Serving's multi_inference.cc, classifier.cc and util.cc.
@pytest.mark.parametrize(
    ("request_", "error_class", "text"),
    [
        (_request(("regress_x_to_y", _REGRESS), values=()), errors.InvalidArgumentError, "Input is empty."),
        (
            _request(("regress_x_to_y", _REGRESS), name=""),
            errors.InvalidArgumentError,
            "Found ModelSpec with an empty model name.",
        ),
        (
            _request(("absent", _REGRESS)),
            errors.InvalidArgumentError,
            "Requested signature not found in model graph: absent",
        ),
        (
            _request(("regress_x_to_y", _REGRESS), ("regress_x_to_y", _REGRESS)),
            errors.InvalidArgumentError,
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (
            _request(("", "tensorflow/serving/predict"), ("serving_default", _REGRESS)),
            errors.UnimplementedError,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            _request(("regress_x_to_y", _REGRESS), ("regress_x2_to_y3", _REGRESS)),
            errors.InvalidArgumentError,
            "Input tensor must be the same for all Signatures.",
        ),
        (
            _request(("regress_x_to_y", _CLASSIFY)),
            errors.InvalidArgumentError,
            "Expected classification signature outputs to contain at least one of",
        ),
        (
            _request(),
            errors.InvalidArgumentError,
            "A MultiInferenceRequest must have at least one task, but has none.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_request_gets_the_sentence_of_tensorflow_serving(upstream_half_plus_two, request_, error_class, text):
    with pytest.raises(error_class) as refusal:
        multi_inference.multi_inference(upstream_half_plus_two, request_)
    assert str(refusal.value).startswith(text)


def test_tasks_of_two_models_are_refused(upstream_half_plus_two):
    request = _request(("regress_x_to_y", _REGRESS), ("regress_x_to_y2", _REGRESS))
    request.tasks[1].model_spec.name = "another"
    with pytest.raises(
        errors.InvalidArgumentError,
        match=r"^All ModelSpecs in a MultiInferenceRequest must access the same model name\.$",
    ):
        multi_inference.multi_inference(upstream_half_plus_two, request)


def test_the_method_name_counts_only_where_it_is_checked(animals):
    request = _request(("regress", _REGRESS))
    (result,) = multi_inference.multi_inference(animals, request).results
    assert result.regression_result.regressions[0].value == 4.0
    with pytest.raises(errors.InvalidArgumentError, match="Was: tensorflow/serving/predict"):
        multi_inference.multi_inference(animals, request, is_method_name_checked=True)
