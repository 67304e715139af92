import datetime
import math

import pytest

from pipelines.preparation import feature_columns
from pipelines.preparation.errors import PreparationError
from tfrs_model.schema import Feature

NAN = math.nan
# 2024-01-01T00:00:00Z, by `date -u -d 2024-01-01 +%s`.
NEW_YEAR = 1_704_067_200


def _read(engine, table, feature):
    """Returns what is stored of each row, or the first reason that holds."""
    reading = feature_columns.read_feature(table, feature, lambda column: f"Column {column!r}")
    faults = {f"fault_{place}": fault.condition for place, fault in enumerate(reading.faults)}
    found = []
    for row in engine.rows(table.select(**reading.values, **faults)):
        held = [fault.reason for place, fault in enumerate(reading.faults) if row[f"fault_{place}"]]
        stored = tuple(row[name] for name in reading.values)
        found.append(held[0] if held else stored[0] if len(stored) == 1 else stored)
    return found


@pytest.mark.parametrize("kind", ["categorical", "text", "id"])
def test_strings_are_kept_character_by_character_and_empty_where_missing(engine, as_table, kind):
    feature = Feature(
        "x", kind, **({"hash_buckets": 10} if kind == "text" else {}), table="query_id" if kind == "id" else None
    )
    assert _read(engine, as_table({"x": ["007", " é ", None, ""]}), feature) == ["007", " é ", "", ""]
    assert _read(engine, as_table({"x": [7, None]}), feature) == ["7", ""]
    with pytest.raises(PreparationError, match="Column 'x' must hold integers or strings, but holds float64"):
        _read(engine, as_table({"x": [7.0]}), feature)


@pytest.mark.parametrize(
    "feature",
    [Feature("x", "numeric"), Feature("x", "bucketised", num_buckets=2), Feature("x", "bucketised", boundaries=(0,))],
)
def test_numbers_are_float32_and_nan_where_missing(engine, as_table, feature):
    found = _read(engine, as_table({"x": ["2.5", "", None, "cheap", "1e39", "-1"]}), feature)
    assert math.isnan(found[1])
    assert math.isnan(found[2])
    assert [found[0], *found[3:]] == [2.5, "not_a_number", "not_finite", -1.0]
    assert math.isnan(_read(engine, as_table({"x": [NAN]}), feature)[0])


def test_times_are_microseconds_and_minus_one_where_missing(engine, as_table):
    feature = Feature("at", "timestamp", timestamp_unit="ms")
    assert _read(engine, as_table({"at": [NEW_YEAR * 1000, None, -1, NEW_YEAR * 10**6]}), feature) == [
        NEW_YEAR * 10**6,
        -1,
        "negative",
        "out_of_range",
    ]
    text = ["2024-01-01T02:00:00+02:00", f"{NEW_YEAR}000", "", None, "yesterday", "1969-12-31", "2101-01-01"]
    assert _read(engine, as_table({"at": text}), feature) == [
        NEW_YEAR * 10**6,
        NEW_YEAR * 10**6,
        -1,
        -1,
        "unreadable",
        "negative",
        "out_of_range",
    ]
    assert _read(engine, as_table({"at": [NAN, 0.0004]}), feature) == [-1, 0]
    day = as_table({"at": [datetime.date(2024, 1, 1), None, datetime.date(1969, 7, 20)]})
    assert _read(engine, day, feature) == [NEW_YEAR * 10**6, -1, "negative"]


def test_lists_lose_empty_values_and_refuse_nulls(engine, as_table):
    lists = [["a", "", "b"], [], None, ["a", None], [""]]
    assert _read(engine, as_table({"x": lists}), Feature("x", "multivalent")) == [["a", "b"], [], [], "null_value", []]
    numbers = [[18, 7], None, [None]]
    assert _read(engine, as_table({"x": numbers}), Feature("x", "multivalent")) == [["18", "7"], [], "null_value"]


@pytest.mark.parametrize("separator", ["|", "||", ".", "a", "\\", "'", " ", "_", "^", "$", "]", "-", "\t", "é", "x_1"])
def test_a_separator_is_characters_and_no_pattern(engine, as_table, separator):
    table = as_table({"x": [f"p{separator}q{separator}{separator}r", "", None, separator, "p"]})
    found = _read(engine, table, Feature("x", "multivalent", separator=separator))
    assert found == [["p", "q", "r"], [], [], [], ["p"]]


def test_weights_go_with_their_values(engine, as_table):
    feature = Feature("x", "multivalent", weights_column="w")
    table = as_table(
        {
            "x": [["a", "b"], ["a", "", "b"], [], None, None, ["a"]],
            "w": [[1.0, 0.5], [1.0, 2.0, 3.0], [], [], None, [0.0]],
        }
    )
    assert _read(engine, table, feature) == [
        (["a", "b"], [1.0, 0.5]),
        (["a", "b"], [1.0, 3.0]),
        ([], []),
        ([], []),
        ([], []),
        (["a"], [0.0]),
    ]
    whole = as_table({"x": [["a", "b"]], "w": [[1, 2]]})
    assert _read(engine, whole, feature) == [(["a", "b"], [1.0, 2.0])]


def test_weights_that_cannot_be_used_have_a_reason(engine, as_table):
    rows = [
        (["a", "b"], [1.0], "weights_of_other_length"),
        (["a"], [1.0, 2.0], "weights_of_other_length"),
        (["a"], None, "weights_of_other_length"),
        (None, [1.0], "weights_of_other_length"),
        (["a", None], [1.0], "null_value"),
        (["a", "b"], [1.0, None], "weight_not_a_number"),
        (["a"], [NAN], "weight_not_finite"),
        (["a"], [math.inf], "weight_not_finite"),
        (["a"], [1e39], "weight_not_finite"),
        (["a", "b"], [1.0, -0.5], "weight_negative"),
    ]
    table = as_table({"x": [row[0] for row in rows], "w": [row[1] for row in rows]})
    assert _read(engine, table, Feature("x", "multivalent", weights_column="w")) == [row[2] for row in rows]


def test_weights_of_a_text_are_split_at_the_same_separator(engine, as_table):
    rows = [
        ("a|b", "1|0.5", (["a", "b"], [1.0, 0.5])),
        ("a||b", "1|9| 2 ", (["a", "b"], [1.0, 2.0])),
        ("", "", ([], [])),
        (None, None, ([], [])),
        ("a|b", "1", "weights_of_other_length"),
        ("a|b", None, "weights_of_other_length"),
        ("a|b", "1|", "weight_not_a_number"),
        ("a|b", "1|much", "weight_not_a_number"),
        ("a|b", "1|1e39", "weight_not_finite"),
        ("a|b", "1|-1", "weight_negative"),
    ]
    table = as_table({"x": [row[0] for row in rows], "w": [row[1] for row in rows]})
    feature = Feature("x", "multivalent", separator="|", weights_column="w")
    assert _read(engine, table, feature) == [row[2] for row in rows]


@pytest.mark.parametrize(
    ("weights", "separator", "sentence"),
    [
        (["1"], None, "Column 'w' must hold lists of numbers, but holds string"),
        ([1.0], "|", r"must hold lists of numbers or text with the separator '\|', but holds float64; cast"),
        ([["1"]], None, "must hold lists of numbers, but holds array<string>"),
    ],
)
def test_a_weights_column_of_another_type_is_refused(as_table, engine, weights, separator, sentence):
    table = as_table({"x": ["a"] if separator else [["a"]], "w": weights})
    with pytest.raises(PreparationError, match=sentence):
        _read(engine, table, Feature("x", "multivalent", separator=separator, weights_column="w"))


def test_every_fault_has_a_complaint_and_a_remedy(as_table):
    table = as_table({"x": [["a"]], "w": [[1.0]], "n": ["1"], "at": ["1"]})
    features = [Feature("x", "multivalent", weights_column="w"), Feature("n", "numeric"), Feature("at", "timestamp")]
    reasons = {
        fault.reason: (fault.complaint, fault.remedy)
        for feature in features
        for fault in feature_columns.read_feature(table, feature, str).faults
    }
    assert len(reasons) == 10
    assert all(complaint and remedy for complaint, remedy in reasons.values())


def test_what_stands_for_missing_has_the_type_of_what_is_read(as_table):
    table = as_table({"x": [["a"]], "w": [[1.0]], "n": [1], "at": [1], "s": ["a"]})
    for feature in (
        Feature("x", "multivalent", weights_column="w"),
        Feature("n", "numeric"),
        Feature("n", "bucketised", num_buckets=2),
        Feature("at", "timestamp"),
        Feature("s", "categorical"),
        Feature("s", "text", hash_buckets=2),
        Feature("s", "id", table="query_id"),
    ):
        read = feature_columns.read_feature(table, feature, str).values
        missing = feature_columns.missing_values(feature)
        assert {name: str(value.type()) for name, value in missing.items()} == {
            name: str(value.type()) for name, value in read.items()
        }
