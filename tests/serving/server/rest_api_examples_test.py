""":classify and :regress of a running server, asked by plain HTTP."""

import json

import httpx
import pytest

from serving.server import (
    metrics,
    model_config,
    model_manager,
    model_options,
    model_registry,
    request_records,
    rest_api,
)

_PATH = "/v1/models/half_plus_two"


@pytest.fixture(scope="module")
def http(upstream_server):
    with httpx.Client(base_url=f"http://127.0.0.1:{upstream_server.rest_api_port}", trust_env=False) as client:
        yield client


def _regress(http, path=f"{_PATH}:regress", **document):
    return http.post(path, content=json.dumps({"signature_name": "regress_x_to_y", **document}))


# Requests and numbers of Regress and Classify in TensorFlow Serving's http_rest_api_handler_test.cc.
@pytest.mark.parametrize("path", [f"{_PATH}:regress", f"{_PATH}/versions/123:regress"])
def test_regress_answers_a_number_for_each_example(http, path):
    response = _regress(http, path, examples=[{"x": 80.0}, {"x": [1.0]}])
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.text == '{\n    "results": [42.0, 2.5]\n}'


def test_classify_answers_pairs_for_each_example(http):
    body = '{"signature_name": "classify_x_to_y", "examples": [{"x": 20.0}, {"x": 10.0}]}'
    response = http.post(f"{_PATH}:classify", content=body)
    assert response.status_code == 200
    assert response.text == '{\n    "results": [[["", 12.0]], [["", 7.0]]\n    ]\n}'


def test_a_context_is_part_of_each_example(http):
    response = _regress(http, context={"x": 2.0}, examples=[{}, {"x": 4.0}])
    assert response.json() == {"results": [3.0, 4.0]}


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/v1/models/absent:classify", '{"examples": [{}]}', 404, "Servable not found for request: Latest(absent)"),
        # The body is read before the model is looked for.
        ("/v1/models/absent:classify", "{}", 400, "key 'examples' is expected and was not found"),
        (f"{_PATH}/versions/9:regress", '{"examples": [{}]}', 404, "request: Specific(half_plus_two, 9)"),
        (f"{_PATH}:regress", "", 400, "JSON Parse error: The document is empty"),
        (f"{_PATH}:regress", '{"examples": [{}]}', 400, "No regression inputs found in SignatureDef: "),
        (f"{_PATH}:classify", '{"examples": [{}]}', 400, "No classification inputs found in SignatureDef: "),
        (
            f"{_PATH}:classify",
            '{"signature_name": "absent", "examples": [{}]}',
            400,
            "No signature was found with the name: absent",
        ),
        (
            f"{_PATH}:classify",
            '{"signature_name": "classify_x_to_y", "examples": [{"x": 1}]}',
            400,
            # TensorFlow's own sentence: a whole number is an int64 feature, and the graph wants floats.
            "Data types don't match. Data type: int64 but expected type: float",
        ),
    ],
)
def test_a_wrong_request_gets_the_status_and_sentence_of_tensorflow_serving(http, path, body, status, text):
    response = http.post(path, content=body)
    assert text in response.json()["error"]
    assert response.status_code == status


@pytest.fixture
def misfits_models(misfits_dir):
    models = model_registry.ModelRegistry(
        lambda model: model_manager.ModelManager(model_options.ModelOptions(model.name, model.base_path))
    )
    assert models.start([model_config.ModelConfig("misfits", misfits_dir.parent)], lambda: False)
    yield models
    models.stop(1)


def test_an_api_can_be_told_to_check_the_method_name(misfits_models):
    verbs = {"classify": "examples", "regress": "examples", "predict": "instances"}
    api = rest_api.RestApi(
        misfits_models, request_records.RequestRecords(metrics.Metrics()), is_method_name_checked=True
    )
    for verb, key in verbs.items():
        body = json.dumps({"signature_name": "other_method", key: [{"x": 1.0}]}).encode()
        answer = api.answer("POST", f"/v1/models/misfits:{verb}", body)
        assert json.loads(answer.body)["error"].endswith("Was: other/method"), verb
        assert answer.http_status == (500 if verb == "predict" else 400)
    answer = rest_api.RestApi(misfits_models, request_records.RequestRecords(metrics.Metrics())).answer(
        "POST", "/v1/models/misfits:classify", b'{"signature_name": "other_method", "examples": [{}]}'
    )
    assert answer.body == b'{\n    "results": [[["", 0.0], ["", 0.0]]\n    ]\n}'
