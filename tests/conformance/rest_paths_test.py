"""Which paths and methods the REST API answers."""

import json

import pytest

from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import RestRefusal, error_body

_BODY = '{"instances": [1.0]}'


@cites(Source.REST_UTIL, "kPredictionApiGegex: (?i)")
@cites(Source.HTTP_SERVER, "RestApiRequestDispatcher: kPathRegex, (?i)/v1/.*")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/half_plus_two:predict",
        "/V1/MODELS/half_plus_two:predict",
        "/v1/models/half_plus_two/versions/123:predict",
        "/v1/models/half_plus_two/versions/00123:predict",
        "/v1/Models/half_plus_two/Versions/123:predict",
    ],
)
def test_the_fixed_parts_of_a_path_may_be_written_in_either_case(rest, path):
    assert rest.post(path, content=_BODY).json() == {"predictions": [2.5]}


@cites(Source.REST_UTIL_TEST, "TestParseModelInfoForPost: reserved characters")
@cites(Source.REST_UTIL, "DecodeArg: curl_easy_unescape")
def test_names_may_be_percent_encoded(rest):
    response = rest.post("/v1/models/%68alf%5Fplus_two/versions/123:predict", content=_BODY)
    assert response.json() == {"predictions": [2.5]}
    assert rest.get("/v1/models/a%2Fb%3A%3F").json() == {"error": "Could not find any versions of model a/b:?"}


@cites(Source.REST_UTIL, "kModelStatusApiRegex")
@pytest.mark.parametrize(
    "path", ["/v1/models/half_plus_two", "/V1/models/half_plus_two/versions/123", "/v1/MODELS/half_plus_two"]
)
def test_status_is_under_the_name_of_the_model_and_of_the_version(rest, path):
    (status,) = rest.get(path).json()["model_version_status"]
    assert (status["version"], status["state"]) == ("123", "AVAILABLE")


@cites(Source.REST_UTIL, "kModelStatusApiRegex: (?:\\/(metadata))?")
@pytest.mark.parametrize(
    "path", ["/v1/models/half_plus_two/metadata", "/V1/models/half_plus_two/VERSIONS/123/metadata"]
)
def test_metadata_is_under_either_too(rest, path):
    assert rest.get(path).json()["model_spec"]["version"] == "123"


@cites(Source.REST_HANDLER, "ProcessRequest: the subresource is compared with metadata as it is written")
def test_metadata_in_capitals_is_status(rest):
    assert "model_version_status" in rest.get("/v1/models/half_plus_two/METADATA").json()


@cites(Source.REST_UTIL, "kModelStatusApiRegex: a name may be any text without / and :")
def test_a_model_may_be_asked_for_that_is_called_metadata(rest):
    assert rest.get("/v1/models/metadata").json() == {"error": "Could not find any versions of model metadata"}


_UNMATCHED = cite(Source.REST_HANDLER, "ProcessRequest: Malformed request, if no regular expression matches")
_TESTED = cite(Source.REST_HANDLER_TEST, "UnsupportedApiCalls")
_NOT_METHOD = cite(Source.REST_HANDLER, "ProcessRequest: the method is compared as it is written")
_MALFORMED = [
    ("GET", "/v1/foo", _TESTED),
    ("POST", "/v1/foo", _TESTED),
    ("POST", "/v1/models", _TESTED),
    ("GET", "/v1/models/debug/model_name", _TESTED),
    ("GET", "/v1/models/foo:predict", _TESTED),
    ("GET", "/v1/models/foo/version/50:predict", _TESTED),
    ("POST", "/v1/models/foo/version/50:regress", _TESTED),
    ("POST", "/v1/models/foo/versions/HELLO:regress", _TESTED),
    ("POST", "/v1/models/foo/metadata", _TESTED),
    ("POST", "/v1/models/foo/label/some_label:regress", _TESTED),
    ("POST", "/v1/models/foo/versions/50/labels/some_label:regress", _TESTED),
    ("POST", "/v1/models/foo/versions/some_label:regress", _TESTED),
    ("GET", "/v1/", _UNMATCHED),
    ("GET", "/v1/models/", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/versions/", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/versions/-1", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/labels/", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/metadata/", _UNMATCHED),
    ("GET", "/v1/models/half_plus_two/metadata/versions/123", _UNMATCHED),
    ("POST", "/v1/models/half_plus_two", _UNMATCHED),
    ("POST", "/v1/models/half_plus_two:predict/", _UNMATCHED),
    ("POST", "/v1/models/half_plus_two:predicts", _UNMATCHED),
    ("POST", "/v1/models/half_plus_two:explain", _UNMATCHED),
    ("POST", "/v1/models/half_plus_two:PREDICT", _NOT_METHOD),
    ("POST", "/v1/models/half_plus_two:Predict", _NOT_METHOD),
    ("PUT", "/v1/models/half_plus_two:predict", _UNMATCHED),
    ("PATCH", "/v1/models/half_plus_two:predict", _UNMATCHED),
    ("DELETE", "/v1/models/half_plus_two", _UNMATCHED),
]
_REFUSED = [
    RestRefusal(
        path, None if method in ("GET", "DELETE") else _BODY, f"Malformed request: {method} {path}", source, 400, method
    )
    for method, path, source in _MALFORMED
] + [
    RestRefusal(
        "/v1/models", None, "Missing model name in request.", cite(Source.REST_HANDLER, "ProcessModelStatusRequest")
    ),
    RestRefusal(
        "/v1/models/HALF_PLUS_TWO",
        None,
        "Could not find any versions of model HALF_PLUS_TWO",
        cite(Source.GET_MODEL_STATUS, "GetModelStatusWithModelSpec: names are what they are"),
        404,
    ),
    RestRefusal(
        "/v1/models/foo/versions/18446744073709551615:regress",
        _BODY,
        "Failed to convert version: 18446744073709551615 to numeric.",
        cite(Source.REST_UTIL, "ParseModelInfo: SimpleAtoi<int64>"),
    ),
    RestRefusal(
        "/v1/models/foo/versions/9223372036854775808",
        None,
        "Failed to convert version: 9223372036854775808 to numeric.",
        cite(Source.REST_UTIL, "ParseModelInfo: SimpleAtoi<int64>"),
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=lambda row: f"{row.http_method} {row.path}")
def test_any_other_path_is_refused(rest, refusal):
    response = rest.request(refusal.http_method, refusal.path, content=refusal.body)
    assert response.text == error_body(refusal.text)
    assert response.status_code == refusal.status
    assert response.headers["Content-Type"] == "application/json"


@cites(Source.REST_HANDLER, "ProcessRequest: Malformed request, for HEAD too")
def test_head_is_refused(rest):
    assert rest.head("/v1/models/half_plus_two").status_code == 400


@cites(Source.EVHTTP_SERVER, "DispatchEvRequest: evhttp_send_error(HTTP_NOTFOUND) where no handler wants the path")
@pytest.mark.parametrize("path", ["/", "/v1", "/v2/models/half_plus_two", "/statuspage", "/models/half_plus_two"])
def test_what_is_not_under_v1_is_not_found(rest, path):
    assert rest.get(path).status_code == 404


@cites(Source.REST_HANDLER, "ProcessPredictRequest: the body is parsed before the model is looked up")
def test_a_broken_body_is_told_before_an_absent_model(rest):
    response = rest.post("/v1/models/absent:predict", content="{")
    assert response.status_code == 400
    assert json.loads(response.text)["error"].startswith("JSON Parse error: ")
