import pytest

from tfrs_model import schema

_TWO_FEATURES = """{
  "schema_version": 2,
  "interactions": {"query_id": "user",
                   "timestamp_unit": %s},
  "query_features": [
    {"name": "age", "kind": "numeric"},
    {
      "name": "words, with [brackets] and \\"quotes\\"" , "kind": "numeric"},
    {"name": "a", "kind": "text",

     "hash_buckets": 100, "ngram_sizes": [1,
       9]}
  ]
}
"""


def _read(tmp_path, content):
    path = tmp_path / "schema.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return schema.read_schema(path)


def _text(**parts):
    text = _TWO_FEATURES % parts.get("unit", '"s"')
    for old, new in parts.get("changes", ()):
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{\n"schema_version": 2,\n}', r"schema\.json is not JSON: line 3"),
        (b'{"title": "\xff"}', r"schema\.json must be UTF-8, but byte 11"),
        (b'{"schema_version": 9}', r"schema\.json, line 1, key schema_version: schema_version must be 2, but is 9"),
        (b"\n\n7", r"schema\.json, line 3: A schema must be a JSON object, but is a int"),
        (b"[" * 100_000, "nests its lists and objects too deep"),
    ],
)
def test_a_broken_schema_file_is_named(tmp_path, content, sentence):
    with pytest.raises(schema.SchemaError, match=f"Schema file .*{sentence}"):
        _read(tmp_path, content)


def test_a_missing_schema_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(schema.SchemaError, match=r"none\.json does not exist"):
        schema.read_schema(tmp_path / "none.json")
    with pytest.raises(schema.SchemaError, match=r"cannot be read: Is a directory\."):
        schema.read_schema(tmp_path)


def test_an_error_names_the_line_and_the_key(tmp_path):
    name = '"words, with [brackets] and \\"quotes\\""'
    for text, sentence in (
        (_text(unit='"h"'), r"line 4, key interactions\.timestamp_unit: interactions\.timestamp_unit must be one of"),
        (_text(), r"line 8, key query_features\[1\]\.name: Feature name 'words, with .* must be letters"),
        (_text(changes=[(name, '"b"')]), r"line 11, key query_features\[2\]\.ngram_sizes: Feature 'a': ngram_sizes"),
        (_text(changes=[(f'"name": {name} ,', "")]), r"line 7, key query_features\[1\]\.name: .* but is None"),
        (_text(changes=[('"age"', '"age", "colour": 1')]), r"line 6, key query_features\[0\]\.colour: .* unknown key"),
        (_text(changes=[(name, '"AGE"'), ("9]", "2]")]), r"line 8, key query_features\[1\]\.name: .* named 'AGE'"),
    ):
        with pytest.raises(schema.SchemaError, match=rf"schema\.json, {sentence}"):
            _read(tmp_path, text)


@pytest.mark.parametrize("repeated", ['"kind"', r'"k\u0069nd"'])
def test_a_key_that_stands_twice_is_refused_rather_than_the_first_forgotten(tmp_path, repeated):
    text = '{"schema_version": 2, "query_features": [\n{"name": "a", "kind": "numeric",\n' + repeated + ': "text"}]}'
    with pytest.raises(
        schema.SchemaError, match=r"line 3, key query_features\[0\]\.kind: the key already stands on line 2; remove one"
    ):
        _read(tmp_path, text)


def test_equal_keys_of_different_objects_are_no_repeat(tmp_path):
    text = (
        '{"schema_version": 2, "query_features": [{"name": "a", "kind": "numeric"}, {"name": "b", "kind": "numeric"}]}'
    )
    assert [each.name for each in _read(tmp_path, text).query_features] == ["a", "b"]
