"""POST :predict with `instances`: one value or object for each row."""

import json

import pytest

from tests.conformance.citations import Source, cites

_TWO = "/v1/models/half_plus_two"
_TYPES = "/v1/models/types:predict"


def _ask(rest, path, document):
    response = rest.post(path, content=json.dumps(document))
    assert response.status_code == 200, response.text
    return response.text


@cites(Source.API_REST, "Example: predict of half_plus_three")
@cites(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors: rows on one line, the list closed on its own")
def test_the_example_of_the_documentation_gets_its_answer(rest):
    body = _ask(rest, "/v1/models/half_plus_three:predict", {"instances": [1.0, 2.0, 5.0]})
    assert body == '{\n    "predictions": [3.5, 4.0, 5.5\n    ]\n}'


@cites(Source.REST_HANDLER_TEST, "Predict: [[1, 2], [3, 4]] of half_plus_two")
@cites(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors")
def test_rows_may_be_lists_of_any_shape(rest):
    body = _ask(rest, f"{_TWO}:predict", {"instances": [[1.0, 2.0], [3.0, 4.0]]})
    assert body == '{\n    "predictions": [[2.5, 3.0], [3.5, 4.0]\n    ]\n}'
    body = _ask(rest, f"{_TWO}:predict", {"instances": [[[1.0], [2.0]]]})
    assert body == '{\n    "predictions": [[[2.5], [3.0]]\n    ]\n}'


@cites(Source.REST_HANDLER_TEST, "Predict: by version, by signature")
@pytest.mark.parametrize(
    ("path", "document"),
    [
        (f"{_TWO}/versions/123:predict", {"instances": [1.0, 2.0]}),
        (f"{_TWO}:predict", {"signature_name": "serving_default", "instances": [1.0, 2.0]}),
        (f"{_TWO}:predict", {"signature_name": "", "instances": [1.0, 2.0]}),
        (f"{_TWO}:predict", {"instances": [{"x": 1.0}, {"x": 2.0}]}),
        (f"{_TWO}:predict", {"instances": [1, 2.0], "comment": "other keys are not read"}),
    ],
)
def test_one_input_may_be_named_or_not_and_version_and_signature_be_given(rest, path, document):
    assert _ask(rest, path, document) == '{\n    "predictions": [2.5, 3.0\n    ]\n}'


@cites(Source.API_REST, "Specifying input tensors in row format: multiple named inputs; Response format")
@cites(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors: an object for each row")
def test_several_inputs_come_as_objects_and_several_outputs_go_as_such(rest):
    rows = [{"a": 1, "b": "x"}, {"b": "é", "a": -2}]
    body = _ask(rest, _TYPES, {"signature_name": "two", "instances": rows})

    def written(*names):
        values = {"a": ["1", "-2"], "b": ['"x"', '"é"']}
        objects = [
            ",\n".join(f'            "{name}": {values[name][row]}' for name in names).join(["{\n", "\n        }"])
            for row in (0, 1)
        ]
        return '{\n    "predictions": [\n        ' + ",\n        ".join(objects) + "\n    ]\n}"

    # Outputs are in a protobuf map, which has no order.
    assert body in (written("a", "b"), written("b", "a"))


@cites(Source.JSON_TENSOR_TEST, "MultipleNamedTensor: each input of a shape of its own")
def test_named_inputs_of_rows_need_not_have_one_shape(rest):
    rows = [{"a": [[1, 2]], "b": ["x", "y", "z"]}, {"a": [[3, 4]], "b": ["u", "v", "w"]}]
    answer = json.loads(_ask(rest, _TYPES, {"signature_name": "two", "instances": rows}))
    assert answer == {"predictions": rows}


@cites(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors: IsNamedTensorBytes; objects are not kept on one line")
@cites(Source.RAPIDJSON_PRETTY_WRITER, "PrettyPrefix, EndObject with kFormatSingleLineArray")
def test_one_output_of_bytes_is_written_as_base64_objects(rest):
    body = _ask(rest, _TYPES, {"signature_name": "bytes", "instances": ["hello", "world"]})
    first, second = (f'{{\n            "b64": "{text}"\n        }}' for text in ("aGVsbG8=", "d29ybGQ="))
    assert body == f'{{\n    "predictions": [{first}, {second}\n    ]\n}}'


@cites(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors: batch_size 0")
def test_an_output_without_rows_is_an_empty_list(rest):
    assert _ask(rest, _TYPES, {"signature_name": "nothing", "instances": [1.0]}) == '{\n    "predictions": []\n}'


@cites(Source.REST_HANDLER_TEST, "Predict: headers")
@cites(Source.REST_UTIL, "AddHeaders")
def test_the_answer_is_declared_as_json(rest):
    response = rest.post(f"{_TWO}:predict", content='{"instances": [1.0]}')
    assert response.headers["Content-Type"] == "application/json"


@cites(Source.REST_HANDLER, "ProcessPredictRequest: the body is read whatever its Content-Type")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded"])
def test_no_content_type_is_asked_for(rest, content_type):
    response = rest.post(f"{_TWO}:predict", content='{"instances": [1.0]}', headers={"Content-Type": content_type})
    assert response.json() == {"predictions": [2.5]}


@cites(Source.HTTP_SERVER, "RestApiRequestDispatcher::ProcessRequest: the body is read to its end")
def test_a_body_of_more_than_a_megabyte_is_taken(rest):
    response = rest.post(f"{_TWO}:predict", content=json.dumps({"instances": [1.0] * 300_000}))
    assert len(response.json()["predictions"]) == 300_000
