"""POST :predict with `inputs`: each tensor whole."""

import gzip
import json

import pytest

from tests.conformance.citations import Source, cites

_TWO = "/v1/models/half_plus_two:predict"
_TYPES = "/v1/models/types:predict"


def _ask(rest, path, document):
    response = rest.post(path, content=json.dumps(document))
    assert response.status_code == 200, response.text
    return response.text


@cites(Source.REST_HANDLER_TEST, "Predict: columnar inputs")
@cites(Source.JSON_TENSOR, "MakeColumnarFormatJsonFromTensors: the writer's default, a line for each element")
def test_one_output_goes_without_its_name(rest):
    body = _ask(rest, _TWO, {"signature_name": "serving_default", "inputs": [3.0, 4.0]})
    assert body == '{\n    "outputs": [\n        3.5,\n        4.0\n    ]\n}'


@cites(Source.JSON_TENSOR, "MakeColumnarFormatJsonFromTensors, AddTensorValues")
def test_each_list_has_its_lines(rest):
    body = _ask(rest, _TWO, {"inputs": [[3.0], [4.0]]})
    rows = ["        [\n            3.5\n        ]", "        [\n            4.0\n        ]"]
    assert body == '{\n    "outputs": [\n' + ",\n".join(rows) + "\n    ]\n}"


@cites(Source.JSON_TENSOR, "FillTensorMapFromInputsMap: a plain value, a list, or an object of one for each name")
@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [([1.0], [2.5]), ({"x": [1.0]}, [2.5]), (1.0, 2.5), ({"x": 1.0}, 2.5), ([], []), ({"x": [[], []]}, [[], []])],
)
def test_one_input_may_be_named_or_not_and_be_of_any_shape(rest, inputs, outputs):
    assert json.loads(_ask(rest, _TWO, {"inputs": inputs})) == {"outputs": outputs}


@cites(Source.API_REST, "Specifying input tensors in column format; Response format")
@cites(Source.JSON_TENSOR, "MakeColumnarFormatJsonFromTensors: an object of several outputs")
def test_several_outputs_go_as_an_object_whatever_their_lengths(rest):
    body = _ask(rest, _TYPES, {"signature_name": "two", "inputs": {"a": [1, 2], "b": "x"}})
    a, b = '        "a": [\n            1,\n            2\n        ]', '        "b": "x"'
    # Outputs are in a protobuf map, which has no order.
    assert body in ('{\n    "outputs": {\n' + ",\n".join(order) + "\n    }\n}" for order in ((a, b), (b, a)))


@cites(Source.JSON_TENSOR_TEST, "FromJsonMultipleNamedTensors: bytes")
@cites(Source.JSON_TENSOR, "AddSingleValueAndAdvance: string_as_bytes")
def test_outputs_named_bytes_are_base64(rest):
    body = _ask(rest, _TYPES, {"signature_name": "bytes", "inputs": ["hello"]})
    assert body == '{\n    "outputs": [\n        {\n            "b64": "aGVsbG8="\n        }\n    ]\n}'
    both = json.loads(_ask(rest, _TYPES, {"signature_name": "text_and_bytes", "inputs": "tf"}))
    assert both == {"outputs": {"same": "tf", "raw_bytes": {"b64": "dGY="}}}


@cites(Source.JSON_TENSOR, "MakeColumnarFormatJsonFromTensors: no shape is asked for")
def test_a_scalar_and_outputs_of_unequal_lengths_fit_columns(rest):
    assert _ask(rest, _TYPES, {"signature_name": "total", "inputs": [1.0, 2.0]}) == '{\n    "outputs": 3.0\n}'
    answer = json.loads(_ask(rest, _TYPES, {"signature_name": "two_sizes", "inputs": [1.0, 2.0]}))
    assert answer == {"outputs": {"all": [2.0, 4.0], "first": [1.0]}}


@cites(Source.JSON_TENSOR, "FillTensorMapFromInputsMap: only the names of the signature are looked up")
def test_names_that_the_signature_does_not_have_are_not_read(rest):
    assert json.loads(_ask(rest, _TWO, {"inputs": {"x": [1.0], "z": "?"}})) == {"outputs": [2.5]}


@cites(Source.EVHTTP_REQUEST, "NeedUncompressGzipContent")
@cites(Source.HTTP_SERVER_INTERFACE, "RequestHandlerOptions: auto_uncompress_input defaults to true")
def test_a_compressed_body_is_read(rest):
    response = rest.post(_TWO, content=gzip.compress(b'{"inputs": [1.0, 2.0]}'), headers={"Content-Encoding": "gzip"})
    assert response.json() == {"outputs": [2.5, 3.0]}
