"""What a wrong predict request is told over REST: status, whole sentence, and JSON around it."""

import pytest

from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import RestRefusal, error_body, id_of

_TWO = "/v1/models/half_plus_two:predict"
_TYPES = "/v1/models/types:predict"

_ERRORS = cite(Source.RAPIDJSON_ERRORS, "GetParseError_En")
_PARSE = [
    RestRefusal(
        _TWO, "", "JSON Parse error: The document is empty", cite(Source.JSON_TENSOR, "ParseJson: json.empty()")
    )
] + [
    RestRefusal(_TWO, body, f"JSON Parse error: {text}", _ERRORS)
    for body, text in [
        (" ", "The document is empty. at offset: 1"),
        ("instances = [1, 2]", "Invalid value. at offset: 0"),
        ('{"instances": [1,]}', "Invalid value. at offset: 17"),
        ('{"instances": [tru]}', "Invalid value. at offset: 18"),
        ('{"instances": [1}', "Missing a comma or ] after an array element. at offset: 16"),
        ('{"instances": [1]', "Missing a comma or } after an object member. at offset: 17"),
        ('{"instances": [1] "a": 1}', "Missing a comma or } after an object member. at offset: 18"),
        ('{"instances" [1]}', "Missing a colon after a name of object member. at offset: 13"),
        ("{instances: [1]}", "Missing a name for object member. at offset: 1"),
        ('{"instances": [1],}', "Missing a name for object member. at offset: 18"),
        ('{"instances": ["a]}', "Missing a closing quotation mark in string. at offset: 19"),
        ('{"signature_name": "\\q"}', "Invalid escape character in string. at offset: 20"),
        ('{"instances": [1]} x', "The document root must not be followed by other values. at offset: 19"),
        ('{"instances": [1.]}', "Miss fraction part in number. at offset: 17"),
        ('{"instances": [1e]}', "Miss exponent in number. at offset: 17"),
        ('{"instances": [-1e+, 2]}', "Miss exponent in number. at offset: 19"),
        ('{"instances": [1e400]}', "Number too big to be stored in double. at offset: 15"),
    ]
]

_FILL = cite(Source.JSON_TENSOR, "FillPredictRequestFromJson")
_SIGNATURE = cite(Source.JSON_TENSOR, "FillSignature, FormatSignatureError")
_DOCUMENT = [
    RestRefusal(
        _TWO, "[1]", "JSON Value: [\n    1\n] Is not object", cite(Source.JSON_TENSOR, "ParseJson: FormatError")
    ),
    RestRefusal(_TWO, '"x"', 'JSON Value: "x" Is not object', cite(Source.JSON_TENSOR, "ParseJson: FormatError")),
    RestRefusal(_TWO, "{}", "Missing 'inputs' or 'instances' key", _FILL),
    RestRefusal(
        _TWO,
        '{"signature_name": 100}',
        "JSON Value: {\n    \"signature_name\": 100\n} not formatted correctly. 'signature_name' key must be a string "
        "value.",
        _SIGNATURE,
    ),
    RestRefusal(
        _TWO,
        '{"instances": [1], "inputs": {}}',
        'JSON Value: {\n    "instances": [\n        1\n    ],\n    "inputs": {}\n} Not formatted correctly expecting '
        "only one of 'inputs' or 'instances' keys to exist ",
        _FILL,
    ),
    RestRefusal(
        _TWO,
        '{"instances": 1}',
        "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an list/array",
        _FILL,
    ),
    RestRefusal(
        _TWO, '{"instances": []}', "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array", _FILL
    ),
    RestRefusal(
        _TWO,
        '{"signature_name": "absent", "instances": [1]}',
        'Serving signature name: "absent" not found in signature def',
        cite(Source.REST_HANDLER, "GetInfoMap"),
    ),
    RestRefusal(
        "/v1/models/counter:predict",
        '{"signature_name": "get_counter", "inputs": {}}',
        "Failed to get input map for signature: get_counter",
        _FILL,
    ),
    RestRefusal(
        "/v1/models/counter:predict",
        '{"instances": [1]}',
        'Serving signature name: "serving_default" not found in signature def',
        cite(Source.REST_HANDLER, "GetInfoMap: kDefaultServingSignatureDefKey"),
    ),
    RestRefusal(
        "/v1/models/absent:predict",
        '{"instances": [1]}',
        "Servable not found for request: Latest(absent)",
        cite(Source.API_REST, "Example: An incorrect request URL"),
        404,
    ),
    RestRefusal(
        "/v1/models/half_plus_two/versions/99:predict",
        "{}",
        "Servable not found for request: Specific(half_plus_two, 99)",
        cite(Source.REST_HANDLER_TEST, "PredictModelNameVersionErrors"),
        404,
    ),
    RestRefusal(
        "/v1/models/half_plus_two/labels/nonexistent:predict",
        '{"instances": ["x"]}',
        "Unrecognized servable version label: nonexistent",
        cite(Source.REST_HANDLER_TEST, "PredictRequestErrors: Nonexistent version label"),
    ),
]


def _row(position: int, text: str, key: str = "") -> str:
    """Returns what AddInstanceItem's sentence becomes in FillTensorMapFromInstancesList."""
    return f"Failed to process element: {position} {key}of 'instances' list. Error: INVALID_ARGUMENT: {text}"


_INSTANCES = cite(Source.JSON_TENSOR, "FillTensorMapFromInstancesList")
_ITEM = cite(Source.JSON_TENSOR, "AddInstanceItem")
_TENSOR = cite(Source.JSON_TENSOR, "FillTensorProto")
_ROWS = [
    RestRefusal(_TYPES, f'{{"signature_name": "{signature}", "instances": {instances}}}', text, source)
    for signature, instances, text, source in [
        ("int32", "[[1,2],[3,4],[5,6,7]]", _row(2, "Expecting tensor size: 2 but got: 3"), _ITEM),
        ("int32", "[[1,2],[3,4],[[5,6]]]", _row(2, "Expecting shape [2] but got: [1,2]"), _ITEM),
        ("int32", "[1, [1]]", _row(1, "Expecting shape [] but got: [1]"), _ITEM),
        ("int32", "[[1, [2]]]", _row(0, "Encountered list at unexpected level: 1 expected < 1"), _TENSOR),
        (
            "string",
            '[["a"], {"values": ["b"]}]',
            "Expecting value/list but got object at item 1 of input list",
            _INSTANCES,
        ),
        (
            "two",
            '[{"a": 1, "b": "x"}, [1, 2]]',
            "Expecting object but got list at item 1 of input list",
            _INSTANCES,
        ),
        (
            "two",
            "[1, 2]",
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map",
            _INSTANCES,
        ),
        (
            "two",
            '[{"a": 1, "b": "x", "c": 1}]',
            _row(0, "JSON object: does not have named input: c", "key: c "),
            _ITEM,
        ),
        (
            "two",
            '[{"a": 1, "b": "x"}, {"b": "y"}]',
            'Failed to process element: 1 of \'instances\' list. JSON object: {\n    "b": "y"\n} keys must be equal '
            "to: a,b",
            _INSTANCES,
        ),
        (
            "string",
            '[{"b64": 5}]',
            _row(0, "JSON object: does not have named input: b64", "key: b64 "),
            cite(Source.JSON_TENSOR, "IsValBase64Object: the value must be a string"),
        ),
        (
            "total",
            "[1.0, 2.0]",
            "Tensor name: sum has no shape information ",
            cite(Source.JSON_TENSOR, "MakeRowFormatJsonFromTensors"),
        ),
    ]
]


def _type(value: str, json_type: str, dtype: str) -> str:
    return f"JSON Value: {value} Type: {json_type} is not of expected type: {dtype}"


def _loss(value: str, dtype: str) -> str:
    return f"Cannot convert JSON value: {value} to {dtype} without loss of precision."


_TYPE = cite(Source.JSON_TENSOR, "TypeError, JsonTypeString")
_LOSSY = cite(Source.JSON_TENSOR, "IsLosslessDecimal, LossyDecimalError")
_BASE64 = cite(Source.JSON_TENSOR, "JsonDecodeBase64Object")
_MAP = cite(Source.JSON_TENSOR, "FillTensorMapFromInputsMap")
_VALUES = [
    RestRefusal(_TYPES, f'{{"signature_name": "{signature}", "inputs": {inputs}}}', text, source)
    for signature, inputs, text, source in [
        ("float32", '"x"', _type('"x"', "String", "float"), _TYPE),
        ("float32", "null", _type("null", "Null", "float"), _TYPE),
        ("float32", "[true]", _type("true", "True", "float"), _TYPE),
        ("float64", "[false]", _type("false", "False", "double"), _TYPE),
        ("float32", '{"b64": "aGk="}', _type('{\n    "b64": "aGk="\n}', "Object", "float"), _TYPE),
        ("int32", "1.5", _type("1.5", "Number", "int32"), _TYPE),
        ("int32", "1.0", _type("1.0", "Number", "int32"), _TYPE),
        ("int32", "2147483648", _type("2147483648", "Number", "int32"), _TYPE),
        ("int8", '"1"', _type('"1"', "String", "int8"), _TYPE),
        ("int64", "9223372036854775808", _type("9223372036854775808", "Number", "int64"), _TYPE),
        ("uint32", "-1", _type("-1", "Number", "uint32"), _TYPE),
        ("uint64", "-1", _type("-1", "Number", "uint64"), _TYPE),
        ("bool", "1", _type("1", "Number", "bool"), _TYPE),
        ("string", "1", _type("1", "Number", "string"), _TYPE),
        ("float32", "16777217", _loss("16777217", "float"), _LOSSY),
        ("float32", "-16777217", _loss("-16777217", "float"), _LOSSY),
        ("float32", "1.7976931348623157e308", _loss("1.7976931348623157e+308", "float"), _LOSSY),
        ("float64", "9007199254740993", _loss("9007199254740993", "double"), _LOSSY),
        ("float32", "[[1,2],[3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2", _TENSOR),
        ("float32", "[1,[2]]", "Encountered list at unexpected level: 1 expected < 1", _TENSOR),
        (
            "float32",
            "[[1],2]",
            "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2",
            _TENSOR,
        ),
        (
            "string",
            '[{"b64": 5}]',
            'JSON Value: {\n    "b64": 5\n} not formatted correctly for base64 data',
            cite(Source.JSON_TENSOR, "Base64FormatError"),
        ),
        ("string", '[{"b64": "*"}]', "Unable to base64 decode", _BASE64),
        ("string", '[{"b64": "a"}]', "Unable to base64 decode", _BASE64),
        (
            "two",
            "[1]",
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
            _MAP,
        ),
        ("two", '{"a": [1]}', "Missing named input: b in 'inputs' object.", _MAP),
        (
            "to_complex",
            "[1.0]",
            "Failed to write JSON value for tensor type: complex64",
            cite(Source.JSON_TENSOR_TEST, "FromJsonSingleTensorErrors"),
        ),
    ]
] + [
    RestRefusal(
        _TYPES,
        '{"signature_name": "complex64", "inputs": 1}',
        "Conversion of JSON Value: 1 to type: complex64",
        cite(Source.JSON_TENSOR, "AddValueToTensor: Unimplemented; http_server.cc ToHTTPStatusCode: 501"),
        501,
    )
]


@pytest.mark.parametrize("refusal", [*_PARSE, *_DOCUMENT, *_ROWS, *_VALUES], ids=id_of)
def test_a_wrong_request_gets_the_status_and_the_sentence(rest, refusal):
    response = rest.post(refusal.path, content=refusal.body)
    assert response.text == error_body(refusal.text)
    assert response.status_code == refusal.status
    assert response.headers["Content-Type"] == "application/json"


@cites(Source.JSON_TENSOR_TEST, "FromJsonMultipleNamedTensorsErrors: inconsistent batch size")
def test_outputs_of_unequal_lengths_do_not_fit_rows(rest):
    response = rest.post(_TYPES, content='{"signature_name": "two_sizes", "instances": [1.0, 2.0]}')
    # Outputs are in a protobuf map, which has no order.
    assert response.text in (
        error_body("Tensor name: first has inconsistent batch size: 1 expecting: 2"),
        error_body("Tensor name: all has inconsistent batch size: 2 expecting: 1"),
    )
    assert response.status_code == 400


@cites(Source.REST_HANDLER, "ProcessPredictRequest: what Session::Run answers becomes the error")
@cites(Source.JSON_TENSOR, "MakeJsonFromStatus: the message as it is, its line breaks escaped")
def test_what_the_graph_refuses_is_told(rest):
    response = rest.post(_TYPES, content='{"signature_name": "refuses", "instances": [-1.0]}')
    assert response.text.startswith('{\n    "error": "assertion failed: [x must not be negative]')
    assert response.status_code == 400


@cites(Source.RAPIDJSON_STREAM, "EncodedInputStream<UTF8<>, MemoryStream>: a byte order mark is skipped")
def test_a_byte_order_mark_before_the_document_is_skipped(rest):
    assert rest.post(_TWO, content=b'\xef\xbb\xbf{"instances": [1.0]}').json() == {"predictions": [2.5]}
