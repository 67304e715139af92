import json

import pytest

from serving import errors
from serving.server import json_document

# Left: what came. Right: RapidJSON's sentence and offset; json_grammar_test.py has them all.
_MALFORMED = [
    (b"", "The document is empty"),  # ParseJson of TensorFlow Serving's json_tensor.cc, before RapidJSON.
    (b"  \n", "The document is empty. at offset: 3"),
    (b"instances = [1]", "Invalid value. at offset: 0"),
    (b'{"instances": [1 2]}', "Missing a comma or ] after an array element. at offset: 17"),
    (b'{"a": ' + b"9" * 5000 + b"}", "Number too big to be stored in double. at offset: 6"),
    (b'{"a": 1e999}', "Number too big to be stored in double. at offset: 6"),
    (b'{"a": ' + b"[" * 100_000, "The document is nested too deeply. at offset: 0"),
]


@pytest.mark.parametrize(("body", "text"), _MALFORMED, ids=[text for _, text in _MALFORMED])
def test_malformed_json_gets_the_sentence_of_tensorflow_serving(body, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        json_document.parse(body)
    assert str(refusal.value) == f"JSON Parse error: {text}"


def test_the_offset_counts_bytes():
    with pytest.raises(errors.InvalidArgumentError, match=r"at offset: 7$"):
        json_document.parse('{"é": +}'.encode())


def test_a_list_is_no_request():
    with pytest.raises(errors.InvalidArgumentError, match=r"JSON Value: \[\n    1\n\] Is not object"):
        json_document.parse(b"[1]")


def test_nan_and_the_infinities_are_numbers():
    document = json_document.parse(b'{"a": [NaN, Infinity, -Infinity]}')
    assert str(document["a"]) == "[nan, inf, -inf]"


def test_not_finite_numbers_may_be_written_as_rapidjson_reads_them_and_strings_stay_as_they_are():
    document = json_document.parse(b'{"a": [Inf, -Inf, -NaN, 1], "b": "Inf \\" Inf", "Inf": "-NaN"}')
    assert str(document["a"]) == "[inf, -inf, nan, 1]"
    assert document["b"] == 'Inf " Inf'
    assert document["Inf"] == "-NaN"


def test_a_byte_order_mark_is_passed_over_and_counted():
    assert json_document.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    with pytest.raises(errors.InvalidArgumentError, match=r"Invalid value\. at offset: 9$"):
        json_document.parse(b'\xef\xbb\xbf{"a": }')


def test_bytes_that_are_no_utf8_come_through():
    assert json_document.to_bytes(json_document.parse(b'{"a": "\xff\xc3\xa9"}')["a"]) == b"\xff\xc3\xa9"


def test_half_a_surrogate_pair_is_no_character():
    value = json_document.parse(b'{"a": "\\ud800"}')["a"]
    with pytest.raises(errors.InvalidArgumentError, match=r"The surrogate pair in string is invalid\."):
        json_document.to_bytes(value)


def test_a_long_value_is_cut_in_messages():
    text = json_document.echo(list(range(100_000)))
    assert len(text) == 1003
    assert text.endswith("...")
    assert json_document.echo({"a": [1, "é"]}) == json.dumps({"a": [1, "é"]}, indent=4, ensure_ascii=False)
