import json

import pytest

from tfrs_model import schema

FILMS = {
    "schema_version": 1,
    "interactions": {"query_id": "user", "candidate_id": "film", "timestamp": "at", "timestamp_unit": "ms"},
    "query_features": [{"name": "age", "kind": "numeric"}],
    "candidate_features": [
        {"name": "genres", "kind": "multivalent", "column": "genre_list", "separator": "|", "embedding_dim": 4}
    ],
    "title": "title",
}


def _features(*features, side="candidate_features"):
    return {"schema_version": 1, side: list(features)}


def test_a_schema_file_is_read_with_every_part_in_its_place(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(FILMS))
    films = schema.read_schema(path)
    assert films.interactions.query_id == "user"
    assert films.interactions.timestamp_unit == "ms"
    assert films.interactions.weight is None
    assert films.query_features == (schema.Feature("age", "numeric", "age"),)
    assert films.candidate_features == (schema.Feature("genres", "multivalent", "genre_list", "|", 4),)
    assert films.title == "title"


def test_a_schema_survives_its_own_dictionary_and_json():
    films = schema.Schema.from_dict(FILMS)
    assert schema.Schema.from_dict(json.loads(json.dumps(films.to_dict()))) == films


def test_the_least_schema_names_the_lines_own_columns():
    least = schema.Schema.from_dict({"schema_version": 1})
    assert least == schema.Schema()
    assert (least.interactions.query_id, least.interactions.candidate_id) == ("query_id", "candidate_id")
    assert (least.interactions.timestamp, least.interactions.timestamp_unit) == ("timestamp", "s")


def test_a_log_without_time_names_no_timestamp():
    assert (
        schema.Schema.from_dict({"schema_version": 1, "interactions": {"timestamp": None}}).interactions.timestamp
        is None
    )


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "must be a JSON object, but is a list"),
        ({}, "schema_version must be 1, but is None"),
        ({"schema_version": 2}, "schema_version must be 1, but is 2"),
        ({"schema_version": 1, "titel": "t"}, "the schema has unknown key 'titel'; known keys are schema_version"),
        ({"schema_version": 1, "interactions": {"user": "u"}}, "interactions has unknown key 'user'"),
        ({"schema_version": 1, "interactions": "log"}, "interactions must be an object, but is a str"),
        ({"schema_version": 1, "interactions": {"query_id": None}}, "query_id must name a column, but is null"),
        ({"schema_version": 1, "interactions": {"query_id": 7}}, "query_id must be a non-empty string, but is 7"),
        ({"schema_version": 1, "interactions": {"timestamp_unit": "h"}}, "must be one of s, ms, us, but is 'h'"),
        (
            {"schema_version": 1, "interactions": {"query_id": "id", "candidate_id": "id"}},
            "interactions.candidate_id and interactions.query_id both name column 'id'",
        ),
        ({"schema_version": 1, "title": ""}, "title must be a non-empty string"),
        ({"schema_version": 1, "query_features": {"name": "age"}}, "must be a list of features, but is a dict"),
        (_features("genres"), r"candidate_features\[0\] must be an object, but is a str"),
        (_features({"kind": "numeric"}), r"candidate_features\[0\].name must be a non-empty string, but is None"),
        (_features({"name": "a"}), r"candidate_features\[0\].kind must be a non-empty string"),
        (
            _features({"name": "a", "kind": "text"}),
            "kind must be one of categorical, multivalent, numeric, but is 'text'",
        ),
        (_features({"name": "a", "kind": "numeric", "dim": 3}), r"candidate_features\[0\] has unknown key 'dim'"),
        (_features({"name": "a", "kind": "numeric", "separator": "|"}), "separator is for multivalent features"),
        (_features({"name": "a", "kind": "multivalent", "separator": ""}), "must not be empty"),
        (_features({"name": "a", "kind": "categorical", "embedding_dim": 0}), "embedding_dim must be an integer >= 1"),
        (
            _features({"name": "a", "kind": "numeric", "column": 7}),
            r"\[0\].column must be a non-empty string, but is 7",
        ),
        (
            _features({"name": "a", "kind": "multivalent", "separator": 7}),
            r"\[0\].separator must be a string, but is 7",
        ),
        (_features({"name": "history", "kind": "numeric"}), "'history' is reserved"),
        (_features({"name": "a/b", "kind": "numeric"}), "'a/b' must be letters, digits and underscores"),
        (_features({"name": "7th", "kind": "numeric"}), "with a letter first"),
        (
            _features(
                {"name": "age", "kind": "numeric"}, {"name": "Age", "kind": "categorical"}, side="query_features"
            ),
            "query_features names 'age' more than once",
        ),
        (_features({"name": "title", "kind": "categorical"}) | {"title": "name"}, "candidate feature is named 'title'"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_rule(raw, sentence):
    with pytest.raises(schema.SchemaError, match=sentence):
        schema.Schema.from_dict(raw)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{\n"schema_version": 1,\n}', r"schema\.json is not JSON: line 3"),
        (b'{"title": "\xff"}', r"schema\.json must be UTF-8, but byte 11"),
        (b'{"schema_version": 9}', r"Schema file .*schema\.json: schema_version must be 1"),
    ],
)
def test_a_broken_schema_file_is_named(tmp_path, content, sentence):
    path = tmp_path / "schema.json"
    path.write_bytes(content)
    with pytest.raises(schema.SchemaError, match=sentence):
        schema.read_schema(path)


def test_a_missing_schema_file_is_named(tmp_path):
    with pytest.raises(schema.SchemaError, match=r"none\.json does not exist"):
        schema.read_schema(tmp_path / "none.json")


def test_a_tie_break_may_share_a_column_with_another_role():
    roles = schema.InteractionColumns(tie_break="timestamp")
    assert roles.tie_break == roles.timestamp
