"""Values of each type in JSON, in both directions."""

import json

import pytest

from tests.conformance.citations import Source, cites

_TYPES = "/v1/models/types:predict"


def _echoed(rest, signature_name, literal):
    """Returns what is answered to `literal`, as it is written in the body, on one line."""
    response = rest.post(_TYPES, content=f'{{"signature_name": "{signature_name}", "inputs": {literal}}}'.encode())
    assert response.status_code == 200, response.text
    assert response.text.startswith('{\n    "outputs": ')
    return response.text.removeprefix('{\n    "outputs": ').removesuffix("\n}")


@cites(Source.JSON_TENSOR_TEST, "FromJsonSingleFloatTensorSixDigitPrecision")
@cites(Source.JSON_TENSOR, "WriteDecimal: six digits where they give the number back, else max_digits10")
@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ("9000000", "9e+06"),
        ("999999", "999999.0"),
        ("0.50000", "0.5"),
        ("0.0003", "0.0003"),
        ("0.00003", "3e-05"),
        ("555557.5", "555557.5"),
        ("3", "3.0"),
        ("-0.0", "-0.0"),
        ("0.1", "0.1"),
        ("16777215", "16777215.0"),
        ("1e-45", "1.4013e-45"),
        ("3.4028234e38", "3.40282347e+38"),
    ],
)
def test_floats_are_written_short_and_with_a_point(rest, literal, written):
    assert _echoed(rest, "float32", literal) == written


@cites(Source.JSON_TENSOR, "WriteDecimal<double>: max_digits10 is 17")
@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ("0.1", "0.1"),
        ("3", "3.0"),
        ("0.3333333333333333", "0.33333333333333331"),
        ("1234567", "1234567.0"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740991", "9007199254740991.0"),
    ],
)
def test_doubles_are_written_with_up_to_seventeen_digits(rest, literal, written):
    assert _echoed(rest, "float64", literal) == written


@cites(Source.JSON_TENSOR_TEST, "MultipleNamedTensor, FromJsonSingleFloatTensorNonFinite")
@cites(Source.API_REST, "JSON conformance: NaN, Infinity, -Infinity")
@pytest.mark.parametrize("signature_name", ["float32", "float64"])
@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_the_infinities_are_bare_words_both_ways(rest, signature_name, literal):
    assert _echoed(rest, signature_name, literal) == literal


@cites(Source.RAPIDJSON_READER, "ParseNumber, kParseNanAndInfFlag: Inf is Infinity")
@pytest.mark.parametrize(("literal", "written"), [("Inf", "Infinity"), ("-Inf", "-Infinity")])
def test_infinity_may_be_abbreviated(rest, literal, written):
    assert _echoed(rest, "float32", literal) == written


@cites(Source.JSON_TENSOR, "IsLosslessDecimal: whole numbers beyond 64 bits are doubles to rapidjson")
@cites(Source.RAPIDJSON_READER, "ParseNumber: useDouble")
@pytest.mark.parametrize(
    ("literal", "written"), [("18446744073709551616", "1.84467441e+19"), ("-9223372036854775809", "-9.22337204e+18")]
)
def test_a_whole_number_beyond_64_bits_is_a_decimal(rest, literal, written):
    assert _echoed(rest, "float32", literal) == written


@cites(Source.JSON_TENSOR, "AddValueToTensor and AddSingleValueAndAdvance: IsInt, IsUint, IsInt64, IsUint64")
@cites(Source.API_REST, "JSON mapping: JSON value will be a decimal number")
@pytest.mark.parametrize(
    ("signature_name", "literals"),
    [
        ("int8", ["-128", "127"]),
        ("int16", ["-32768", "32767"]),
        ("int32", ["-2147483648", "2147483647"]),
        ("int64", ["-9223372036854775808", "9223372036854775807"]),
        ("uint8", ["0", "255"]),
        ("uint32", ["0", "4294967295"]),
        ("uint64", ["0", "18446744073709551615"]),
    ],
)
def test_whole_numbers_come_back_as_they_are(rest, signature_name, literals):
    for literal in literals:
        assert _echoed(rest, signature_name, literal) == literal


@cites(Source.JSON_TENSOR, "AddValueToTensor: DT_BOOL")
def test_booleans_come_back_as_they_are(rest):
    assert _echoed(rest, "bool", "[true, false]") == "[\n        true,\n        false\n    ]"


@cites(Source.JSON_TENSOR, "AddValueToTensor: DT_STRING, with its length; AddSingleValueAndAdvance: String")
@cites(Source.RAPIDJSON_WRITER, "WriteString: only quotation mark, backslash and control characters are escaped")
@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ('"Hello World!"', '"Hello World!"'),
        ('"é \\u00e9 \\ud83d\\ude00"', '"é é 😀"'),
        ('"a\\u0000b"', '"a\\u0000b"'),
        (r'"\" \\ / \b \f \n \r \t"', r'"\" \\ / \b \f \n \r \t"'),
        ('"\\u001f"', '"\\u001F"'),
        ('""', '""'),
    ],
    ids=["ascii", "other characters", "a zero", "escapes", "a control character", "nothing"],
)
def test_strings_come_back_with_few_escapes(rest, literal, written):
    assert _echoed(rest, "string", literal) == written


@cites(Source.RAPIDJSON_READER, "ParseString without kParseValidateEncodingFlag: bytes pass as they are")
def test_bytes_that_are_no_utf_8_pass(rest):
    response = rest.post(_TYPES, content=b'{"signature_name": "string", "inputs": "a\xff"}')
    assert response.content == b'{\n    "outputs": "a\xff"\n}'


@cites(Source.JSON_TENSOR_TEST, "SingleUnnamedTensorBase64Scalars, -Lists, SingleNamedTensorBase64")
@cites(Source.API_REST, "Encoding binary values")
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("instances", [{"b64": "aGVsbG8="}, {"b64": "d29ybGQ="}], ["hello", "world"]),
        ("instances", [[{"b64": "aGVsbG8="}], [{"b64": "d29ybGQ="}]], [["hello"], ["world"]]),
        ("instances", [{"values": [[{"b64": "aGVsbG8="}], ["world"]]}], [[["hello"], ["world"]]]),
        ("inputs", {"b64": "aGVsbG8="}, "hello"),
        ("inputs", {"values": {"b64": "aGVsbG8="}}, "hello"),
        ("inputs", ["{}", {"b64": ""}], ["{}", ""]),
    ],
)
def test_base64_objects_are_strings_wherever_strings_are(rest, key, value, expected):
    response = rest.post(_TYPES, content=json.dumps({"signature_name": "string", key: value}))
    assert response.json() == {"predictions" if key == "instances" else "outputs": expected}


@cites(Source.ABSL_ESCAPING, "Base64UnescapeInternal: padding is optional, whitespace is skipped")
@pytest.mark.parametrize(
    "text", ["aGVsbG8", "aGVs bG8=", "aGVsbG8.", "aGVsbG8=\\n"], ids=["bare", "a space", "dots", "a line break"]
)
def test_base64_may_lack_its_padding_and_hold_whitespace(rest, text):
    assert _echoed(rest, "string", f'{{"b64": "{text}"}}') == '"hello"'


@cites(Source.JSON_TENSOR_TEST, "MixedInputForFloatTensor, MixedInputForDoubleTensor")
@pytest.mark.parametrize("signature_name", ["float32", "float64"])
def test_whole_numbers_and_decimals_mix_in_a_list_of_floats(rest, signature_name):
    response = rest.post(
        _TYPES, content=json.dumps({"signature_name": signature_name, "instances": [1, 2.0, 3, 0.5, 0.0]})
    )
    assert response.json() == {"predictions": [1.0, 2.0, 3.0, 0.5, 0.0]}
