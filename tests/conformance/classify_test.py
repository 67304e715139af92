"""PredictionService.Classify and POST :classify; wrong REST bodies are in examples_rest_test."""

import json

import grpc
import pytest

from tests.conformance import requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, id_of

_TWO = "/v1/models/half_plus_two:classify"
_SPEC = requests.spec("half_plus_two", "classify_x_to_y")


def _pairs(response):
    return [[(one.label, one.score) for one in row.classes] for row in response.result.classifications]


def _examples(signature_name):
    return requests.spec("examples", signature_name)


@cites(Source.MODEL_SERVER_TEST, "testClassify: x = 2, score 3, one class")
@cites(Source.CLASSIFIER, "PostProcessClassificationResult: scores without classes have empty labels")
def test_half_plus_two_classifies_two_with_three(prediction):
    response = prediction.Classify(requests.classify(_SPEC, requests.numbers(2.0, 20.0)), timeout=10)
    assert _pairs(response) == [[("", 3.0)], [("", 12.0)]]


@cites(Source.MODEL_SERVER_TEST, "testClassify: _VerifyModelSpec")
@cites(Source.CLASSIFIER, "RunClassify: MakeModelSpec")
def test_the_answer_names_the_model_the_version_and_the_signature(prediction):
    answered = prediction.Classify(requests.classify(_SPEC, requests.numbers(2.0)), timeout=10).model_spec
    named = (answered.name, answered.version.value, answered.signature_name)
    assert named == ("half_plus_two", 123, "classify_x_to_y")


@cites(Source.CLASSIFIER, "PostProcessClassificationResult: set_label, set_score; what is not answered is not set")
@pytest.mark.parametrize(
    ("signature_name", "pairs"),
    [("classes_and_scores", [("yes", 0.75), ("no", 0.25)]), ("classes", [("yes", 0.0), ("no", 0.0)])],
)
def test_labels_stand_beside_their_scores(prediction, signature_name, pairs):
    response = prediction.Classify(requests.classify(_examples(signature_name), requests.numbers(0.75)), timeout=10)
    assert _pairs(response) == [pairs]


@cites(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor: the bytes of the context before those of the example")
@cites(Source.INPUT_PROTO, "ExampleListWithContext")
def test_a_context_holds_for_every_example(prediction):
    given = requests.examples(requests.example(), requests.example(other=1.0), context=requests.example(x=2.0))
    assert _pairs(prediction.Classify(requests.classify(_SPEC, given), timeout=10)) == [[("", 3.0)], [("", 3.0)]]


@cites(Source.MAIN, "--enable_signature_method_name_check is false: a signature's method name is not compared")
def test_a_signature_that_says_predict_may_classify(prediction):
    # As tf.saved_model.save of TensorFlow 2 writes them all; those of `examples` say tensorflow/serving/predict.
    response = prediction.Classify(
        requests.classify(_examples("classes_and_scores"), requests.numbers(1.0)), timeout=10
    )
    assert _pairs(response) == [[("yes", 1.0), ("no", 0.0)]]


@cites(Source.MODEL_SERVER_TEST, "testClassifyREST")
@cites(Source.JSON_TENSOR, "MakeJsonFromClassificationResult: each example on the line, the list closed on its own")
@pytest.mark.parametrize(
    "path", [_TWO, "/v1/models/half_plus_two/versions/123:classify", "/V1/models/half_plus_two/Versions/123:classify"]
)
def test_over_rest_results_are_lists_of_pairs(rest, path):
    body = json.dumps({"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}, {"x": [20.0]}]})
    response = rest.post(path, content=body)
    assert response.text == '{\n    "results": [[["", 3.0]], [["", 12.0]]\n    ]\n}'
    assert response.headers["Content-Type"] == "application/json"


@cites(Source.JSON_TENSOR_TEST, "JsonFromClassificationResult")
@cites(Source.API_REST, "Classify and Regress API: Response format")
def test_over_rest_labels_stand_before_their_scores(rest):
    body = json.dumps({"signature_name": "classes_and_scores", "examples": [{"x": 0.75}]})
    response = rest.post("/v1/models/examples:classify", content=body)
    assert response.text == '{\n    "results": [[["yes", 0.75], ["no", 0.25]]\n    ]\n}'


@cites(Source.JSON_TENSOR_TEST, "RequestWithContextAndSignature")
def test_over_rest_a_context_holds_for_every_example(rest):
    body = json.dumps(
        {
            "signature_name": "classify_x_to_y",
            "context": {"x": [2.0]},
            "examples": [{}, {"names": ["a", {"b64": "YQ=="}]}],
        }
    )
    assert rest.post(_TWO, content=body).json() == {"results": [[["", 3.0]], [["", 3.0]]]}


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_POST_PROCESS = cite(Source.CLASSIFIER, "PostProcessClassificationResult")
_PRE_PROCESS = cite(Source.CLASSIFIER, "PreProcessClassification")
_ONE = requests.numbers(0.75)
_PAIR = requests.numbers(0.75, 0.5)
_REFUSED = [
    GrpcRefusal(
        requests.classify(None, _ONE), _INVALID, "Missing ModelSpec", cite(Source.CLASSIFICATION_SERVICE, "Classify")
    ),
    GrpcRefusal(
        requests.classify(requests.spec(""), _ONE),
        _INVALID,
        "ModelSpec has no name specified.",
        cite(Source.SERVER_CORE, "ServableRequestFromModelSpec"),
    ),
    GrpcRefusal(
        requests.classify(requests.spec("absent"), _ONE),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(absent)",
        cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle"),
    ),
    GrpcRefusal(
        requests.classify(requests.spec("half_plus_two", "absent"), _ONE),
        _INVALID,
        "No signature was found with the name: absent",
        cite(Source.CLASSIFIER, "GetClassificationSignatureDef"),
    ),
    GrpcRefusal(
        requests.classify(requests.spec("examples"), _ONE),
        _INVALID,
        "No signature was found with the name: serving_default",
        cite(Source.CLASSIFIER, "GetClassificationSignatureDef"),
    ),
    GrpcRefusal(
        requests.classify(_SPEC),
        _INVALID,
        "Input is empty.",
        cite(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor"),
    ),
    GrpcRefusal(
        requests.classify(_SPEC, requests.examples()),
        _INVALID,
        "Input is empty.",
        cite(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor"),
    ),
    GrpcRefusal(requests.classify(_examples("two_inputs"), _ONE), _INVALID, "Expected one input Tensor.", _PRE_PROCESS),
    GrpcRefusal(
        requests.classify(_examples("three_outputs"), _ONE),
        _INVALID,
        "Expected one or two output Tensors, found 3",
        _PRE_PROCESS,
    ),
    GrpcRefusal(
        requests.classify(_examples("other_input"), _ONE),
        _INVALID,
        "No classification inputs found in SignatureDef: inputs {",
        _PRE_PROCESS,
        is_beginning=True,
    ),
    GrpcRefusal(
        requests.classify(requests.spec("half_plus_two"), _ONE),
        _INVALID,
        "No classification inputs found in SignatureDef: inputs {",
        _PRE_PROCESS,
        is_beginning=True,
    ),
    GrpcRefusal(
        requests.classify(_examples("other_outputs"), _ONE),
        _INVALID,
        'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ',
        _PRE_PROCESS,
        is_beginning=True,
    ),
    GrpcRefusal(
        requests.classify(_examples("flat_scores"), _PAIR),
        _INVALID,
        "Expected Tensor shape: [batch_size num_classes] but got [2]",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.classify(_examples("integer_scores"), _ONE),
        _INVALID,
        "Expected scores Tensor of DT_FLOAT. Got: DT_INT64",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.classify(_examples("number_classes"), _ONE),
        _INVALID,
        "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.classify(_examples("first_scores"), _PAIR),
        _INVALID,
        "Expected scores output batch size of 2. Got: 1",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.classify(_examples("more_classes"), _ONE),
        _INVALID,
        "Tensors class and score should match in dim_size(1). Got 4 vs. 2",
        _POST_PROCESS,
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_a_wrong_request_gets_the_code_and_the_sentence(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Classify(refusal.request, timeout=10)
    details = refused.value.details()
    assert details.startswith(refusal.text) if refusal.is_beginning else details == refusal.text
    assert refused.value.code() is refusal.code


@cites(Source.EXAMPLE_PARSING, "a feature without a default is required")
def test_an_example_without_the_feature_is_the_request_s_fault(prediction):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Classify(requests.classify(_SPEC, requests.examples(requests.example(z=1.0))), timeout=10)
    assert refused.value.code() is _INVALID
    assert "Feature: x (data type: float) is required but could not be found." in refused.value.details()
