import json
import random

import pytest

from serving.server import json_grammar

# What came, the sentence of rapidjson/error/en.h, and the offset at which rapidjson/reader.h sets the error.
_ERRORS = [
    ("", "The document is empty.", 0),
    (" \n", "The document is empty.", 2),
    ("[1] 2", "The document root must not be followed by other values.", 4),
    ("[1, ]", "Invalid value.", 4),
    ("[", "Invalid value.", 1),
    ("[nulx]", "Invalid value.", 4),
    ("[tru", "Invalid value.", 4),
    ("[-]", "Invalid value.", 2),
    ("[+1]", "Invalid value.", 1),
    ("[.5]", "Invalid value.", 1),
    ("[Nan]", "Invalid value.", 3),
    ("[-Infinite]", "Invalid value.", 9),
    ("[01]", "Missing a comma or ] after an array element.", 2),
    ("[1 2]", "Missing a comma or ] after an array element.", 3),
    ('[{"a": 1}, [2}', "Missing a comma or ] after an array element.", 13),
    ('{"a": "}]", "b": [1] "c": 2}', "Missing a comma or } after an object member.", 21),
    ('{"a": [], "b": 1', "Missing a comma or } after an object member.", 16),
    ('{"a" 1}', "Missing a colon after a name of object member.", 5),
    ("{a: 1}", "Missing a name for object member.", 1),
    ('{"a": 1,}', "Missing a name for object member.", 8),
    ('["a]', "Missing a closing quotation mark in string.", 4),
    ('["a\x00"]', "Missing a closing quotation mark in string.", 3),
    ('["a\n"]', "Invalid encoding in string.", 3),
    ('["\\\\ \\x"]', "Invalid escape character in string.", 5),
    ('["\\', "Invalid escape character in string.", 2),
    ('["\\u12g4"]', "Incorrect hex digit after \\u escape in string.", 2),
    ("[1.]", "Miss fraction part in number.", 3),
    ("[1.e5]", "Miss fraction part in number.", 3),
    ("[1e]", "Miss exponent in number.", 3),
    ("[1.5E-]", "Miss exponent in number.", 6),
    ("[ -1e309]", "Number too big to be stored in double.", 2),
    ("[" + "9" * 5000 + "]", "Number too big to be stored in double.", 1),
    ('["é", x]', "Invalid value.", 7),
]


@pytest.mark.parametrize(("text", "sentence", "offset"), _ERRORS, ids=[f"{text[:30]!a}" for text, _, _ in _ERRORS])
def test_each_error_has_its_sentence_and_its_offset_in_bytes(text, sentence, offset):
    assert json_grammar.first_error(text.encode()) == (sentence, offset)


@pytest.mark.parametrize(
    "text", ["[Inf, -Inf, NaN, -NaN, -Infinity]", " 1 ", '"\\ud83d\\ude00\\/"', "\ufeff{}", "[" * 5000 + "]" * 5000]
)
def test_what_rapidjson_reads_is_no_error(text):
    assert json_grammar.first_error(text.encode()) is None


def test_what_has_no_error_is_what_python_reads():
    chance = random.Random(0)
    whole = b'{"a": [1, -2.5e+3, true, null, "\\u00e9\\n", {"b": []}, {}], "x": "y"}'
    num_read = 0
    for _ in range(3000):
        text = bytearray(whole)
        text[chance.randrange(len(text))] = chance.choice(b'{}[]",:\\ 012eE+-.untrfals\n')
        try:
            json.loads(bytes(text))
            is_read = True
        except json.JSONDecodeError:
            is_read = False
        num_read += is_read
        assert (json_grammar.first_error(bytes(text)) is None) == is_read, text
    assert 300 < num_read < 2700
