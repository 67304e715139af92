"""The REST API of a running server, asked by plain HTTP."""

import json

import httpx
import pytest


@pytest.fixture(scope="module")
def http(playground):
    with httpx.Client(base_url=f"http://127.0.0.1:{playground.rest_api_port}", trust_env=False) as client:
        yield client


def _predict(http, body, path="/v1/models/tiny:predict"):
    return http.post(path, content=body if isinstance(body, (bytes, str)) else json.dumps(body))


def test_the_example_of_the_documentation_gets_its_answer(http):
    response = _predict(http, {"instances": [1.0, 2.0, 5.0]})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.text == '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'


def test_rows_and_columns_give_the_same_numbers(http):
    rows = _predict(
        http, {"signature_name": "two_inputs", "instances": [{"a": 2.0, "b": 2}, {"a": 3.0, "b": 5}]}
    ).json()
    columns = _predict(http, {"signature_name": "two_inputs", "inputs": {"a": [2.0, 3.0], "b": [2, 5]}}).json()
    assert rows == {
        "predictions": [
            {"is_equal": True, "next": 3, "product": 4.0},
            {"is_equal": False, "next": 6, "product": 15.0},
        ]
    }
    assert columns == {"outputs": {"is_equal": [True, False], "next": [3, 6], "product": [4.0, 15.0]}}


def test_base64_goes_in_and_comes_out_of_outputs_named_bytes(http):
    response = _predict(http, {"signature_name": "text", "instances": [{"b64": "aGk="}, "é"]})
    assert response.json() == {
        "predictions": [
            {"doubled": "hihi", "raw_bytes": {"b64": "aGk="}},
            {"doubled": "éé", "raw_bytes": {"b64": "w6k="}},
        ]
    }


def test_nan_and_the_infinities_are_bare_words(http):
    response = _predict(http, '{"signature_name": "non_finite", "inputs": [1, -1, 0, NaN]}')
    numbers = ",\n        ".join(["Infinity", "-Infinity", "NaN", "NaN"])
    assert response.text == f'{{\n    "outputs": [\n        {numbers}\n    ]\n}}'


def test_a_scalar_output_fits_columns_but_not_rows(http):
    body = {"signature_name": "total"}
    assert _predict(http, {**body, "inputs": [1, 2]}).json() == {"outputs": 3.0}
    response = _predict(http, {**body, "instances": [1, 2]})
    assert (response.status_code, response.json()["error"]) == (400, "Tensor name: sum has no shape information ")


@pytest.mark.parametrize(
    "path", ["/v1/models/tiny/versions/7:predict", "/V1/Models/tiny/Versions/7:predict", "/v1/models/%74iny:predict"]
)
def test_paths_name_versions_and_ignore_case_and_encoding(http, path):
    assert _predict(http, {"instances": [[1.0]]}, path).json() == {"predictions": [[2.5]]}


# Status and text as in http_rest_api_handler.cc, http_rest_api_util.cc, json_tensor.cc and predict_util.cc.
_REFUSED = [
    ("POST", "/v1/models/absent:predict", '{"instances": [1]}', 404, "Servable not found for request: Latest(absent)"),
    ("POST", "/v1/models/tiny/versions/9:predict", "{}", 404, "Servable not found for request: Specific(tiny, 9)"),
    (
        "POST",
        "/v1/models/tiny/versions/99999999999999999999:predict",
        "{}",
        400,
        "Failed to convert version: 99999999999999999999 to numeric.",
    ),
    ("POST", "/v1/models/tiny/labels/stable:predict", "{}", 400, "Unrecognized servable version label: stable"),
    (
        "POST",
        "/v1/models/tiny/version/7:predict",
        "{}",
        400,
        "Malformed request: POST /v1/models/tiny/version/7:predict",
    ),
    ("GET", "/v1/models/tiny:predict", None, 400, "Malformed request: GET /v1/models/tiny:predict"),
    ("PUT", "/v1/models/tiny:predict", "{}", 400, "Malformed request: PUT /v1/models/tiny:predict"),
    ("POST", "/v1/models/tiny:Predict", "{}", 400, "Malformed request: POST /v1/models/tiny:Predict"),
    ("GET", "/v1/foo?x=1", None, 400, "Malformed request: GET /v1/foo"),
    ("GET", "/v1/models", None, 400, "Missing model name in request."),
    ("GET", "/v1/models/absent", None, 404, "Could not find any versions of model absent"),
    ("GET", "/v1/models/tiny/versions/9", None, 404, "Could not find version 9 of model tiny"),
    ("GET", "/v1/models/absent/metadata", None, 404, "Servable not found for request: Latest(absent)"),
    ("GET", "/v1/models/tiny/labels/stable", None, 400, "Unrecognized servable version label: stable"),
    ("GET", "/", None, 404, "No such path: /; the API is under /v1/"),
    ("POST", "/v1/models/tiny:predict", "", 400, "JSON Parse error: The document is empty"),
    ("POST", "/v1/models/tiny:predict", "instances = [1]", 400, "JSON Parse error: Invalid value. at offset: 0"),
    ("POST", "/v1/models/tiny:predict", "[1]", 400, "Is not object"),
    ("POST", "/v1/models/tiny:predict", "{}", 400, "Missing 'inputs' or 'instances' key"),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"instances": ["x"]}',
        400,
        'JSON Value: "x" Type: String is not of expected type: float',
    ),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"signature_name": "absent", "instances": [1]}',
        400,
        'Serving signature name: "absent" not found in signature def',
    ),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"signature_name": "__saved_model_init_op", "instances": [1]}',
        400,
        "Failed to get input map for signature: __saved_model_init_op",
    ),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"signature_name": "refuses", "instances": ["bad"]}',
        400,
        "texts must not be bad",
    ),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"signature_name": "two_inputs", "inputs": {"a": [1, 2], "b": [1, 2, 3]}}',
        400,
        "Incompatible shapes",
    ),
    (
        "POST",
        "/v1/models/tiny:predict",
        '{"signature_name": "two_sizes", "instances": [1, 2]}',
        400,
        "Tensor name: first has inconsistent batch size: 1 expecting: 2",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), _REFUSED, ids=[row[4][:60] for row in _REFUSED])
def test_a_wrong_request_gets_the_status_and_sentence_of_tensorflow_serving(http, method, path, body, status, text):
    response = http.request(method, path, content=body)
    assert text in response.json()["error"]
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"


def test_a_history_that_is_one_string_is_told_to_be_a_list_of_them(http):
    instance = {"query_id": "q", "history": "item-1"}
    response = _predict(http, {"signature_name": "recommend", "instances": [instance]})
    assert response.status_code == 400
    sentence = response.json()["error"]
    assert sentence.startswith(
        'Input \'history\' must be a list of strings in each of \'instances\', such as {"history": ["a", "b"]}, '
        "but came as a string (the model itself says: "
    )
    assert "\n" not in sentence
    mended = _predict(http, {"signature_name": "recommend", "instances": [{**instance, "history": ["item-1"]}]})
    assert mended.json()["predictions"][0]["candidate_ids"] == ["q-first", "item-1", ""]


def test_status_is_that_of_the_documentation(http):
    expected = {
        "model_version_status": [
            {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    assert http.get("/v1/models/tiny").json() == expected
    assert http.get("/v1/models/tiny/versions/7").json() == expected


def test_metadata_in_capitals_is_the_status(http):
    assert http.get("/v1/models/tiny/METADATA").json() == http.get("/v1/models/tiny").json()


def test_metadata_lists_the_signatures(http):
    metadata = http.get("/v1/models/tiny/metadata").json()
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "7"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"] == {
        "name": "serving_default_x:0",
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}], "unknown_rank": False},
    }


def test_a_body_of_more_than_a_megabyte_is_taken(http):
    response = _predict(http, {"inputs": [[1.0]] * 200_000})
    assert response.status_code == 200
    assert len(response.json()["outputs"]) == 200_000
