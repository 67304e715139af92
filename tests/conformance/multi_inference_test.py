"""PredictionService.MultiInference; REST has no path for it."""

import grpc
import pytest

from tests.conformance import requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.models import CLASSIFY, PREDICT, REGRESS
from tests.conformance.refusals import GrpcRefusal, id_of


def _two(signature_name, **choice):
    return requests.spec("half_plus_two", signature_name, **choice)


_REGRESS_Y, _CLASSIFY_Y = (_two("regress_x_to_y"), REGRESS), (_two("classify_x_to_y"), CLASSIFY)
_GIVEN = requests.numbers(2.0)


@cites(Source.MODEL_SERVER_TEST, "testMultiInference: regress and classify x = 2, value and score 3")
@cites(Source.INFERENCE_PROTO, "MultiInferenceResponse: results in the same order as the tasks")
def test_each_task_has_its_result_in_its_place(prediction):
    response = prediction.MultiInference(requests.multi_inference(_REGRESS_Y, _CLASSIFY_Y, given=_GIVEN), timeout=10)
    regression, classification = response.results
    assert [each.value for each in regression.regression_result.regressions] == [3.0]
    ((only,),) = (row.classes for row in classification.classification_result.classifications)
    assert (only.label, only.score) == ("", 3.0)


@cites(Source.MODEL_SERVER_TEST, "testMultiInference: _VerifyModelSpec of each result")
@cites(Source.MULTI_INFERENCE, "Infer: MakeModelSpec")
def test_each_result_names_the_model_the_version_and_the_signature(prediction):
    response = prediction.MultiInference(requests.multi_inference(_REGRESS_Y, _CLASSIFY_Y, given=_GIVEN), timeout=10)
    specs = [each.model_spec for each in response.results]
    assert [(each.name, each.version.value, each.signature_name) for each in specs] == [
        ("half_plus_two", 123, "regress_x_to_y"),
        ("half_plus_two", 123, "classify_x_to_y"),
    ]


@cites(Source.MULTI_INFERENCE_TEST, "ValidSingleSignatureTest, MultipleValidRegressSignaturesTest")
def test_one_task_or_two_of_one_method_will_do(prediction):
    (only,) = prediction.MultiInference(requests.multi_inference(_REGRESS_Y, given=_GIVEN), timeout=10).results
    assert [each.value for each in only.regression_result.regressions] == [3.0]
    both = requests.multi_inference(_REGRESS_Y, (_two("regress_x_to_y2"), REGRESS), given=requests.numbers(2.0, 4.0))
    results = prediction.MultiInference(both, timeout=10).results
    values = [[each.value for each in result.regression_result.regressions] for result in results]
    assert values == [[3.0, 4.0], [4.0, 5.0]]


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_INFER = cite(Source.MULTI_INFERENCE, "Infer")
_NO_NAME = cite(Source.MULTI_INFERENCE_HELPER, "GetModelSpecFromRequest: ModelSpec::default_instance")
_REFUSED = [
    GrpcRefusal(requests.multi_inference(given=_GIVEN), _INVALID, "ModelSpec has no name specified.", _NO_NAME),
    GrpcRefusal(
        requests.multi_inference((None, REGRESS), given=_GIVEN), _INVALID, "ModelSpec has no name specified.", _NO_NAME
    ),
    GrpcRefusal(
        requests.multi_inference((requests.spec("absent"), REGRESS), given=_GIVEN),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(absent)",
        cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle"),
    ),
    GrpcRefusal(
        requests.multi_inference(_REGRESS_Y, (requests.spec("", "regress_x_to_y2"), REGRESS), given=_GIVEN),
        _INVALID,
        "Found ModelSpec with an empty model name.",
        _INFER,
    ),
    GrpcRefusal(
        requests.multi_inference(
            _REGRESS_Y, (requests.spec("half_plus_three", "regress_x_to_y2"), REGRESS), given=_GIVEN
        ),
        _INVALID,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        _INFER,
    ),
    GrpcRefusal(
        requests.multi_inference(_REGRESS_Y, _REGRESS_Y, given=_GIVEN),
        _INVALID,
        "Duplicate evaluation of signature: regress_x_to_y",
        cite(Source.MULTI_INFERENCE_TEST, "EvaluateDuplicateSignaturesTest"),
    ),
    GrpcRefusal(
        requests.multi_inference((_two("absent"), REGRESS), given=_GIVEN),
        _INVALID,
        "Requested signature not found in model graph: absent",
        _INFER,
    ),
    GrpcRefusal(
        requests.multi_inference((_two("serving_default"), PREDICT), given=_GIVEN),
        grpc.StatusCode.UNIMPLEMENTED,
        f"Unsupported signature method_name: {PREDICT}",
        cite(Source.MULTI_INFERENCE_TEST, "UsupportedSignatureTypeTest"),
    ),
    GrpcRefusal(
        requests.multi_inference(_REGRESS_Y, (_two("regress_x2_to_y3"), REGRESS), given=_GIVEN),
        _INVALID,
        "Input tensor must be the same for all Signatures.",
        cite(Source.MULTI_INFERENCE_TEST, "SignaturesWithDifferentInputsTest"),
    ),
    GrpcRefusal(
        requests.multi_inference(_REGRESS_Y),
        _INVALID,
        "Input is empty.",
        cite(Source.SERVABLE_UTIL, "InputToSerializedExampleTensor"),
    ),
    GrpcRefusal(
        requests.multi_inference((_two("regress_x_to_y", version=9), REGRESS), given=_GIVEN),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(half_plus_two, 9)",
        _NO_NAME,
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_a_wrong_request_gets_the_code_and_the_sentence(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.MultiInference(refusal.request, timeout=10)
    assert refused.value.details() == refusal.text
    assert refused.value.code() is refusal.code
