import json
import re

import pytest

from tfrs_model import schema

FILMS = {
    "schema_version": 2,
    "interactions": {"query_id": "user", "candidate_id": "film", "timestamp": "at", "timestamp_unit": "ms"},
    "query_features": [{"name": "age", "kind": "numeric"}],
    "candidate_features": [
        {"name": "genres", "kind": "multivalent", "column": "genre_list", "separator": "|", "embedding_dim": 4}
    ],
    "title": "title",
}


def _features(*features, side="candidate_features"):
    return {"schema_version": 2, side: list(features)}


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
    least = schema.Schema.from_dict({"schema_version": 2})
    assert least == schema.Schema()
    assert (least.interactions.query_id, least.interactions.candidate_id) == ("query_id", "candidate_id")
    assert (least.interactions.timestamp, least.interactions.timestamp_unit) == ("timestamp", "s")


def test_a_log_without_time_names_no_timestamp():
    assert (
        schema.Schema.from_dict({"schema_version": 2, "interactions": {"timestamp": None}}).interactions.timestamp
        is None
    )


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ([], "must be a JSON object, but is a list"),
        ({}, "schema_version must be 2, but is None"),
        (
            {"schema_version": 1},
            "schema_version must be 2, but is 1; set it to 2 and write the features anew as docs/schema.md says",
        ),
        ({"schema_version": 2, "titel": "t"}, "the schema has unknown key 'titel'; known keys are schema_version"),
        ({"schema_version": 2, "interactions": {"user": "u"}}, "interactions has unknown key 'user'"),
        ({"schema_version": 2, "interactions": "log"}, "interactions must be an object, but is a str"),
        ({"schema_version": 2, "interactions": {"query_id": None}}, "query_id must name a column, but is null"),
        ({"schema_version": 2, "interactions": {"query_id": 7}}, "query_id must be a non-empty string, but is 7"),
        ({"schema_version": 2, "interactions": {"timestamp_unit": "h"}}, "must be one of s, ms, us, but is 'h'"),
        (
            {"schema_version": 2, "interactions": {"query_id": "id", "candidate_id": "id"}},
            "interactions.candidate_id and interactions.query_id both name column 'id'",
        ),
        ({"schema_version": 2, "title": ""}, "title must be a non-empty string"),
        ({"schema_version": 2, "query_features": {"name": "age"}}, "must be a list of features, but is a dict"),
        (_features("genres"), r"candidate_features\[0\] must be an object, but is a str"),
        (_features({"kind": "numeric"}), r"candidate_features\[0\].name must be a non-empty string, but is None"),
        (_features({"name": "a"}), r"candidate_features\[0\].kind must be a non-empty string"),
        (
            _features({"name": "a", "kind": "number"}),
            "kind must be one of id, categorical, multivalent, numeric, bucketised, text, timestamp, but is 'number'",
        ),
        (_features({"name": "a", "kind": "numeric", "dim": 3}), r"candidate_features\[0\] has unknown key 'dim'"),
        (_features({"name": "a", "kind": "numeric", "separator": "|"}), "separator is for multivalent features"),
        (
            _features({"name": "a", "kind": "multivalent", "separator": ""}),
            "must be a string and not be empty, but is ''",
        ),
        (_features({"name": "a", "kind": "categorical", "embedding_dim": 0}), "embedding_dim must be an integer >= 1"),
        (
            _features({"name": "a", "kind": "numeric", "column": 7}),
            r"\[0\].column must be a non-empty string, but is 7",
        ),
        (
            _features({"name": "a", "kind": "multivalent", "separator": 7}),
            "'a': separator must be a string and not be empty, but is 7",
        ),
        (_features({"name": "history", "kind": "numeric"}), "'history' is reserved"),
        (_features({"name": "a/b", "kind": "numeric"}), "'a/b' must be letters, digits and underscores"),
        (_features({"name": "7th", "kind": "numeric"}), "with a letter first"),
        (
            _features(
                {"name": "age", "kind": "numeric"}, {"name": "Age", "kind": "categorical"}, side="query_features"
            ),
            r"query_features\[1\] brings an input named 'Age', which already is query_features\[0\]",
        ),
        (
            _features({"name": "title", "kind": "categorical"}) | {"title": "name"},
            "an input named 'title', which already is the prepared name of the column shown to people",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_rule(raw, sentence):
    with pytest.raises(schema.SchemaError, match=sentence):
        schema.Schema.from_dict(raw)


def test_a_tie_break_may_share_a_column_with_another_role():
    roles = schema.InteractionColumns(tie_break="timestamp")
    assert roles.tie_break == roles.timestamp


def test_query_and_context_features_meet_in_the_query_tower_in_this_order():
    raw = {
        "schema_version": 2,
        "query_features": [{"name": "age", "kind": "numeric"}],
        "context_features": [{"name": "device", "kind": "categorical"}],
        "candidate_features": [{"name": "device", "kind": "categorical"}],
    }
    assert [each.name for each in schema.Schema.from_dict(raw).query_tower_features] == ["age", "device"]
    with pytest.raises(
        schema.SchemaError, match=r"context_features\[0\] brings an input named 'device', which already"
    ):
        schema.Schema.from_dict({**raw, "query_features": [{"name": "device", "kind": "numeric"}]})


def test_a_feature_may_not_take_the_name_of_anothers_weights():
    tags = {"name": "tags", "kind": "multivalent", "weights_column": "w"}
    raw = _features(tags, {"name": "Tags_weights", "kind": "numeric"})
    with pytest.raises(
        schema.SchemaError, match=r"'Tags_weights', which already is the weights of candidate_features\[0\]"
    ):
        schema.Schema.from_dict(raw)


def test_a_context_feature_may_read_the_logs_timestamp_and_no_other_role():
    def read(**feature):
        log = {"query_id": "user", "candidate_id": "film", "timestamp": "at", "timestamp_unit": "ms", "weight": "stars"}
        raw = {"schema_version": 2, "interactions": log, "context_features": [{"name": "x", **feature}]}
        return schema.Schema.from_dict(raw).context_features

    (moment,) = read(kind="timestamp", column="at", timestamp_unit="ms")
    assert moment.parts == ("hour_of_day", "day_of_week")
    for feature, sentence in (
        (
            {"kind": "numeric", "column": "stars"},
            r"context_features\[0\].column must not .* 'stars' is interactions.weight",
        ),
        ({"kind": "numeric", "column": "at"}, "'at' is interactions.timestamp"),
        ({"kind": "id", "table": "candidate_id", "column": "film"}, "'film' is interactions.candidate_id"),
        (
            {"kind": "multivalent", "weights_column": "stars"},
            r"context_features\[0\].weights_column must not .* 'stars' is interactions.weight",
        ),
        ({"kind": "timestamp", "column": "at"}, "timestamp_unit must be that of the log's timestamp, 'ms', but is 's'"),
    ):
        with pytest.raises(schema.SchemaError, match=sentence):
            read(**feature)


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ({"minimum_weight": 4}, "interactions.minimum_weight needs a weight, but interactions.weight is null"),
        ({"weight_divisor": "length"}, "interactions.weight_divisor needs a weight, but interactions.weight is null"),
        ({"weight": "w", "minimum_weight": 0}, "minimum_weight must be a number > 0 that 32 bits can hold, but is 0"),
        (
            {"weight": "w", "minimum_weight": "4"},
            "minimum_weight must be a number > 0 that 32 bits can hold, but is '4'",
        ),
        (
            {"weight": "w", "minimum_weight": 1e-50},
            "minimum_weight must be a number > 0 that 32 bits can hold, but is 1e-50",
        ),
        (
            {"weight": "w", "minimum_weight": 1e39},
            "minimum_weight must be a number > 0 that 32 bits can hold, but is 1e",
        ),
        (
            {"weight": "w", "minimum_weight": True},
            "minimum_weight must be a number > 0 that 32 bits can hold, but is True",
        ),
        ({"weight": "w", "weight_divisor": "w"}, "weight_divisor and interactions.weight both name column 'w'"),
    ],
)
def test_a_minimum_and_a_divisor_belong_to_a_weight(roles, sentence):
    with pytest.raises(schema.SchemaError, match=re.escape(sentence)):
        schema.InteractionColumns(**roles)
