"""tf.Examples in JSON: what POST :classify and POST :regress make of a wrong body, and of values of each kind."""

import pytest

from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import RestRefusal, error_body, id_of

_CLASSIFY, _REGRESS = "/v1/models/half_plus_two:classify", "/v1/models/half_plus_two:regress"
_JSON = cite(Source.JSON_TENSOR, "FillClassifyRegressRequestFromJson")
_EXAMPLE = cite(Source.JSON_TENSOR, "MakeExampleFromJsonObject")
_FEATURE = cite(Source.JSON_TENSOR, "AddValueToFeature")
_KIND = cite(Source.JSON_TENSOR, "IncompatibleFeatureKindError")
_PATHS = (_CLASSIFY, _REGRESS)
_REFUSED_OVER_REST = (
    [
        RestRefusal(path, body, text, source)
        for path in _PATHS
        for body, text, source in [
            ("", "JSON Parse error: The document is empty", cite(Source.JSON_TENSOR, "ParseJson")),
            (
                '{"signature_name": ["hello"]}',
                'JSON Value: {\n    "signature_name": [\n        "hello"\n    ]\n} not formatted correctly. '
                "'signature_name' key must be a string value.",
                cite(Source.JSON_TENSOR, "FormatSignatureError"),
            ),
            ('{"context": [{}]}', "Example must be JSON object but got JSON Array", _EXAMPLE),
            # The sentence says classify of both.
            ("{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found", _JSON),
            (
                '{"examples": {}}',
                "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array",
                _JSON,
            ),
            ('{"examples": []}', "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array", _JSON),
            ('{"examples": [[{}]]}', "Example must be JSON object but got JSON Array", _EXAMPLE),
            ('{"examples": [1]}', "Example must be JSON object but got JSON Number", _EXAMPLE),
            ('{"examples": [{"n": [10, null]}]}', "Feature: n has element with unexpected JSON type: Null", _FEATURE),
            (
                '{"examples": [{"n": [{"test": 1}]}]}',
                "Feature: n has element with unexpected JSON type: Object",
                _FEATURE,
            ),
            ('{"examples": [{"n": [[10], 20]}]}', "Feature: n has element with unexpected JSON type: Array", _FEATURE),
            ('{"examples": [{"n": [10, 10.0]}]}', "Unexpected element type in feature: n expecting type: int64", _KIND),
            ('{"examples": [{"n": [10.0, 10]}]}', "Unexpected element type in feature: n expecting type: float", _KIND),
            ('{"examples": [{"n": ["a", 10]}]}', "Unexpected element type in feature: n expecting type: bytes", _KIND),
            (
                '{"examples": [{"n": [20, 18446744073709551603]}]}',
                "Feature: n has uint64 element. Only int64 is supported.",
                _FEATURE,
            ),
            (
                '{"examples": [{"n": 1.7976931348623157e308}]}',
                "Cannot convert JSON value: 1.7976931348623157e+308 to float without loss of precision.",
                _FEATURE,
            ),
            ('{"examples": [{"n": {"b64": "*"}}]}', "Unable to base64 decode", _FEATURE),
        ]
    ]
    + [
        RestRefusal(
            path,
            '{"signature_name": "absent", "examples": [{"x": 1.0}]}',
            "No signature was found with the name: absent",
            cite(Source.REST_HANDLER, "ProcessClassifyRequest, ProcessRegressRequest"),
        )
        for path in _PATHS
    ]
    + [
        RestRefusal(
            f"/v1/models/absent:{verb}",
            '{"examples": [{"x": 1.0}]}',
            "Servable not found for request: Latest(absent)",
            cite(Source.REST_HANDLER, "ProcessClassifyRequest, ProcessRegressRequest"),
            404,
        )
        for verb in ("classify", "regress")
    ]
)


@pytest.mark.parametrize("refusal", _REFUSED_OVER_REST, ids=lambda row: f"{row.path.rpartition(':')[2]}-{id_of(row)}")
def test_a_wrong_body_gets_the_status_and_the_sentence(rest, refusal):
    response = rest.post(refusal.path, content=refusal.body)
    assert response.text == error_body(refusal.text)
    assert response.status_code == refusal.status


@cites(Source.JSON_TENSOR, "AddValueToFeature: whole numbers and booleans are int64 features")
@cites(Source.EXAMPLE_PARSING, "Data types don't match")
@pytest.mark.parametrize("value", ["2", "true", "[1, true, false]"])
def test_a_whole_number_is_no_float_feature(rest, value):
    response = rest.post(_CLASSIFY, content=f'{{"signature_name": "classify_x_to_y", "examples": [{{"x": {value}}}]}}')
    assert response.status_code == 400
    assert "Data types don't match. Data type: int64 but expected type: float" in response.json()["error"]


@cites(Source.JSON_TENSOR_TEST, "RequestWithContextAndSignature: NaN and the infinities are float features")
@cites(Source.JSON_TENSOR, "WriteDecimal")
def test_features_and_scores_may_be_nan_and_infinite(rest):
    body = '{"signature_name": "classify_x_to_y", "examples": [{"x": NaN}, {"x": Infinity}, {"x": [-Infinity]}]}'
    text = rest.post(_CLASSIFY, content=body).text
    assert text == '{\n    "results": [[["", NaN]], [["", Infinity]], [["", -Infinity]]\n    ]\n}'
