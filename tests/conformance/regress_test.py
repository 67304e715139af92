"""PredictionService.Regress and POST :regress; wrong REST bodies are in examples_rest_test."""

import json

import grpc
import pytest

from tests.conformance import models, requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, id_of

_SPEC = requests.spec("half_plus_two", "regress_x_to_y")


def _values(response):
    return [each.value for each in response.result.regressions]


def _examples(signature_name):
    return requests.spec("examples", signature_name)


@cites(Source.MODEL_SERVER_TEST, "testRegress: x = 2, value 3")
@cites(Source.HALF_PLUS_TWO, "regress_x_to_y, regress_x_to_y2")
@pytest.mark.parametrize(
    ("signature_name", "values"),
    [("regress_x_to_y", [3.0, 42.0]), ("regress_x_to_y2", [4.0, 43.0]), (models.REGRESS, [3.0, 42.0])],
)
def test_half_plus_two_is_a_regression(prediction, signature_name, values):
    request = requests.regress(requests.spec("half_plus_two", signature_name), requests.numbers(2.0, 80.0))
    assert _values(prediction.Regress(request, timeout=10)) == values


@cites(Source.MODEL_SERVER_TEST, "testRegress: _VerifyModelSpec")
@cites(Source.REGRESSOR, "RunRegress: MakeModelSpec")
def test_the_answer_names_the_model_the_version_and_the_signature(prediction):
    answered = prediction.Regress(requests.regress(_SPEC, requests.numbers(2.0)), timeout=10).model_spec
    named = (answered.name, answered.version.value, answered.signature_name)
    assert named == ("half_plus_two", 123, "regress_x_to_y")


@cites(Source.REGRESSOR, "PostProcessRegressionResult: [batch_size] or [batch_size, 1]")
@pytest.mark.parametrize("signature_name", ["regression", "flat_regression"])
def test_outputs_may_have_one_or_two_dimensions(prediction, signature_name):
    request = requests.regress(_examples(signature_name), requests.numbers(0.5, -1.5))
    assert _values(prediction.Regress(request, timeout=10)) == [0.5, -1.5]


@cites(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor: the bytes of the context before those of the example")
def test_what_an_example_says_itself_wins_over_the_context(prediction):
    given = requests.examples(requests.example(x=4.0), requests.example(), context=requests.example(x=2.0))
    assert _values(prediction.Regress(requests.regress(_SPEC, given), timeout=10)) == [4.0, 3.0]


@cites(Source.API_REST, "Example: regress of half_plus_three")
@cites(Source.JSON_TENSOR, "MakeJsonFromRegressionResult: all on one line")
@pytest.mark.parametrize(
    "path", ["/v1/models/half_plus_three:regress", "/v1/models/half_plus_three/versions/123:regress"]
)
def test_the_example_of_the_documentation_gets_its_answer(rest, path):
    body = json.dumps({"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]})
    response = rest.post(path, content=body)
    assert response.text == '{\n    "results": [3.5, 4.0]\n}'
    assert response.headers["Content-Type"] == "application/json"


@cites(Source.JSON_TENSOR_TEST, "JsonFromRegressionResultWithNonFinite")
def test_values_may_be_nan_and_infinite(rest):
    body = '{"signature_name": "regression", "examples": [{"x": 0.2}, {"x": Infinity}, {"x": -Infinity}, {"x": NaN}]}'
    text = rest.post("/v1/models/examples:regress", content=body).text
    assert text == '{\n    "results": [0.2, Infinity, -Infinity, NaN]\n}'


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_POST_PROCESS = cite(Source.REGRESSOR, "PostProcessRegressionResult")
_PRE_PROCESS = cite(Source.REGRESSOR, "PreProcessRegression")
_ONE = requests.numbers(0.75)
_PAIR = requests.numbers(0.75, 0.5)
_REFUSED = [
    GrpcRefusal(
        requests.regress(None, _ONE), _INVALID, "Missing ModelSpec", cite(Source.REGRESSION_SERVICE, "Regress")
    ),
    GrpcRefusal(
        requests.regress(requests.spec("absent"), _ONE),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(absent)",
        cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle"),
    ),
    GrpcRefusal(
        requests.regress(requests.spec("half_plus_two", "absent"), _ONE),
        _INVALID,
        "No signature was found with the name: absent",
        cite(Source.REGRESSOR, "GetRegressionSignatureDef"),
    ),
    GrpcRefusal(
        requests.regress(_SPEC),
        _INVALID,
        "Input is empty.",
        cite(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor"),
    ),
    GrpcRefusal(requests.regress(_examples("two_inputs"), _ONE), _INVALID, "Expected one input Tensor.", _PRE_PROCESS),
    GrpcRefusal(
        requests.regress(_examples("classes_and_scores"), _ONE), _INVALID, "Expected one output Tensor.", _PRE_PROCESS
    ),
    GrpcRefusal(
        requests.regress(_examples("no_such_input"), _ONE),
        _INVALID,
        "No regression inputs found in SignatureDef: inputs {",
        _PRE_PROCESS,
        is_beginning=True,
    ),
    GrpcRefusal(
        requests.regress(_examples("classes"), _ONE),
        _INVALID,
        "No regression outputs found in SignatureDef: inputs {",
        _PRE_PROCESS,
        is_beginning=True,
    ),
    GrpcRefusal(
        requests.regress(_examples("wide_regression"), _PAIR),
        _INVALID,
        "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.regress(_examples("first_regression"), _PAIR),
        _INVALID,
        "Input batch size did not match output batch size: 2 vs. 1",
        _POST_PROCESS,
    ),
    GrpcRefusal(
        requests.regress(_examples("double_regression"), _ONE),
        _INVALID,
        "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE",
        _POST_PROCESS,
    ),
    # x2 itself is the input of this signature, not the examples.
    GrpcRefusal(
        requests.regress(requests.spec("half_plus_two", "regress_x2_to_y3"), _ONE),
        _INVALID,
        "Expects arg[0] to be float but string is provided",
        cite(Source.FUNCTION, "FunctionCallFrame::SetArgs"),
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_a_wrong_request_gets_the_code_and_the_sentence(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Regress(refusal.request, timeout=10)
    details = refused.value.details()
    assert details.startswith(refusal.text) if refusal.is_beginning else details == refusal.text
    assert refused.value.code() is refusal.code
