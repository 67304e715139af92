import datetime
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.preparation import tables
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.sources import find_source
from tfrs_model.schema import Feature

GENRES = Feature("genres", "multivalent", "genres")
YEAR = Feature("year", "categorical", "year")
PRICE = Feature("price", "numeric", "price")
WEIGHTED = Feature("genres", "multivalent", "genres", weights_column="w")
MADE = Feature("made", "timestamp")


@pytest.fixture
def source(tmp_path):
    """Returns a function that writes columns, or CSV text, as the candidate table."""

    def build(content):
        if isinstance(content, str):
            path = tmp_path / "films.csv"
            path.write_text(content, encoding="utf-8")
        else:
            path = tmp_path / "films.parquet"
            pq.write_table(pa.table(content), path)
        return find_source("candidates", str(path))

    return build


def _rows(engine, source, *features, title=None):
    table = tables.read_entities(engine, source, "film", "candidate_id", features, title)
    return engine.rows(table.order_by("candidate_id"))


def test_features_of_every_kind_are_read_with_missing_values_made_explicit(engine, source):
    films = source(
        {
            "film": pa.array([7, 8]),
            "name": ["Seven", None],
            "year": pa.array([1995, None]),
            "genres": [["Crime", ""], None],
            "price": pa.array([2.5, None]),
        }
    )
    seven, eight = _rows(engine, films, GENRES, YEAR, PRICE, title="name")
    assert seven == {"candidate_id": "7", "title": "Seven", "genres": ["Crime"], "year": "1995", "price": 2.5}
    assert math.isnan(eight.pop("price"))
    assert eight == {"candidate_id": "8", "title": "", "genres": [], "year": ""}


def test_the_same_table_as_csv_gives_the_same_rows(engine, source):
    text = "film,name,year,genres,price\n007,Seven,1995,Crime|Drama,2.5\n8,,,,\n"
    split = Feature("genres", "multivalent", "genres", separator="|")
    films = source(text)
    eight, seven = sorted(_rows(engine, films, split, YEAR, PRICE, title="name"), key=lambda row: -len(row["year"]))[
        ::-1
    ]
    assert seven == {
        "candidate_id": "007",
        "title": "Seven",
        "genres": ["Crime", "Drama"],
        "year": "1995",
        "price": 2.5,
    }
    assert (eight["title"], eight["genres"], eight["year"]) == ("", [], "")
    assert math.isnan(eight["price"])


@pytest.mark.parametrize("separator", ["|", ".", "a", "\\", "'"])
def test_a_separator_is_a_character_and_no_pattern(engine, source, separator):
    films = source({"film": ["1"], "genres": [f"x{separator}y{separator}{separator}z"]})
    split = Feature("genres", "multivalent", "genres", separator=separator)
    assert _rows(engine, films, split)[0]["genres"] == ["x", "y", "z"]


def test_lists_of_integers_are_spelled_out(engine, source):
    assert _rows(engine, source({"film": ["1"], "genres": [[18, 7]]}), GENRES)[0]["genres"] == ["18", "7"]


def test_empty_list_values_are_counted(engine, source):
    films = source({"film": ["1", "2", "3"], "genres": [["a", "", ""], None, ["b"]]})
    assert tables.count_removed_values(engine, films, [GENRES, YEAR], "candidate") == {
        "candidate.genres_empty_value": 2
    }
    whole = source({"film": ["1"], "genres": [["a"]]})
    assert tables.count_removed_values(engine, whole, [GENRES], "candidate") == {}


@pytest.mark.parametrize(("weights", "expected"), [(None, 3), ("w", 5)])
def test_empty_parts_of_a_text_are_counted_and_its_empty_end_if_it_has_a_weight(engine, source, weights, expected):
    # Between two separators or before the first: 1 + 1 + 1; at the end: 1 of "a||" and 1 of "|".
    films = source(
        {
            "film": ["1", "2", "3", "4", "5", "6"],
            "genres": ["a||b", "a||", "|", "", None, "a|b"],
            "w": ["1|2|3", "1|2|3", "1|2", "", None, "1|2"],
        }
    )
    feature = Feature("genres", "multivalent", separator="|", weights_column=weights)
    assert tables.count_removed_values(engine, films, [feature], "candidate") == {
        "candidate.genres_empty_value": expected
    }


def test_an_empty_end_is_found_where_a_separator_overlaps_itself(engine, source):
    # Split from the left: "a" and "|".
    feature = Feature("genres", "multivalent", separator="||")
    assert tables.count_removed_values(engine, source({"film": ["1"], "genres": ["a|||"]}), [feature], "x") == {}


def test_duplicate_ids_are_refused_with_examples(engine, source):
    films = source({"film": ["b", "a", "c", "a", "b", "b"]})
    with pytest.raises(
        PreparationError, match=r"has 2 ids more than once, such as 'b' \(3 rows\), 'a' \(2 rows\); keep one"
    ):
        _rows(engine, films)


def test_rows_without_an_id_are_refused(engine, source):
    with pytest.raises(PreparationError, match=r"films\.parquet has 2 rows without an id"):
        _rows(engine, source({"film": ["a", None, ""]}))


@pytest.mark.parametrize(
    ("columns", "feature", "sentence"),
    [
        ({"year": [1995.0]}, YEAR, "Column 'year' of --candidates=.* must hold integers or strings, but holds float64"),
        (
            {"genres": ["a|b"]},
            GENRES,
            "must hold lists for the multivalent feature 'genres', .* set the feature's separator",
        ),
        ({"genres": [[1.5]]}, GENRES, "must hold lists of strings or integers, but holds array<float64>"),
        ({"genres": [["a"]]}, Feature("genres", "multivalent", separator="|"), "must hold text to be split"),
        (
            {"price": ["2.5", "cheap", "dear"]},
            PRICE,
            r"numeric feature 'price': value 'cheap' is not a number \(rows of this kind: 2\); mend the table",
        ),
        (
            {"genres": [["a"], ["a", "b"], ["c"]], "w": [[1.0], [1.0], []]},
            WEIGHTED,
            r"multivalent feature 'genres': value '\[a, b\] with weights \[1.0\]' has not as many weights as values "
            r"\(rows of this kind: 2\); give each value one weight",
        ),
        ({"genres": [["a", None]], "w": [[1.0, 1.0]]}, WEIGHTED, "holds a null among its values .* remove the nulls"),
        ({"genres": [["a", "b"]], "w": [[1.0, None]]}, WEIGHTED, "has a weight that is missing or no number"),
        ({"genres": [["a"]], "w": [[math.nan]]}, WEIGHTED, "has a weight that is not finite"),
        ({"genres": [["a"]], "w": [[-1.0]]}, WEIGHTED, "has a negative weight"),
        ({"genres": [["a"]]}, WEIGHTED, r"no column 'w' \(weights of feature 'genres'\)"),
        ({"made": ["1962-10-05"]}, MADE, "timestamp feature 'made': value '1962-10-05' is before 1970"),
        ({"made": ["soon"]}, MADE, "value 'soon' is no time .* write ISO 8601 or a number in"),
        ({"made": [1_704_067_200_000]}, MADE, "is after 2100 .* set the feature's timestamp_unit"),
        (
            {"made": [1_704_067_200, 1_704_067, 0, None]},
            MADE,
            r"timestamp feature 'made': value '0' is of 1970, but its column ends after 1990 \(rows of this kind: 2\); "
            "write all times in the feature's timestamp_unit, and leave those that are not known empty",
        ),
        ({"made": ["2024-01-01", "1704067"]}, MADE, "value '1704067' is of 1970, but its column ends after 1990"),
        ({"price": [1.0, float("inf")]}, PRICE, "numeric feature 'price': value '[Ii]nf(inity)?' is not finite"),
        ({"price": [1.0, 1e39]}, PRICE, "is not finite"),
        ({"price": [["1"]]}, PRICE, "must hold numbers, but holds array"),
        ({"other": [1]}, PRICE, r"no column 'price' \(feature 'price'\); its columns are film, other"),
    ],
)
def test_a_feature_that_cannot_be_read_is_refused(engine, source, columns, feature, sentence):
    count = len(next(iter(columns.values())))
    films = source({"film": [str(number) for number in range(count)], **columns})
    with pytest.raises(PreparationError, match=sentence):
        _rows(engine, films, feature)


@pytest.mark.parametrize(
    ("made", "microseconds"),
    [
        # A date of 1970 is in no unit that could be mistaken.
        (["1970-01-02", "2024-01-01"], [86_400 * 10**6, 1_704_067_200 * 10**6]),
        ([datetime.date(1970, 1, 2), datetime.date(2024, 1, 1)], [86_400 * 10**6, 1_704_067_200 * 10**6]),
        ([0, 5], [0, 5 * 10**6]),
        ([None, 1_704_067_200], [-1, 1_704_067_200 * 10**6]),
    ],
)
def test_times_of_1970_that_are_meant_are_kept(engine, source, made, microseconds):
    found = _rows(engine, source({"film": ["1", "2"], "made": made}), MADE)
    assert [row["made"] for row in found] == microseconds


def test_a_missing_title_column_is_refused(engine, source):
    with pytest.raises(PreparationError, match=r"no column 'name' \(title\)"):
        _rows(engine, source({"film": ["1"]}), title="name")


def test_queries_of_the_log_and_of_the_table_each_have_a_row(engine, as_table):
    log_ids = as_table({"query_id": ["c", "a"]}, "log_ids")
    entities = as_table(
        {
            "query_id": ["b", "a"],
            "age": pa.array([2.0, 1.0], pa.float32()),
            "tags": [["x"], []],
            "city": ["Ulm", ""],
            "since": [5, -1],
            "seen": [["y"], []],
            "seen_weights": pa.array([[0.5], []], pa.list_(pa.float32())),
        },
        "entities",
    )
    features = [
        Feature("age", "numeric", "age"),
        Feature("tags", "multivalent", "tags"),
        Feature("city", "categorical", "city"),
        Feature("since", "timestamp"),
        Feature("seen", "multivalent", weights_column="seconds"),
    ]
    a, b, c = engine.rows(tables.with_missing_features(log_ids, "query_id", entities, features))
    assert (a, b) == (
        {"query_id": "a", "age": 1.0, "tags": [], "city": "", "since": -1, "seen": [], "seen_weights": []},
        {"query_id": "b", "age": 2.0, "tags": ["x"], "city": "Ulm", "since": 5, "seen": ["y"], "seen_weights": [0.5]},
    )
    assert math.isnan(c.pop("age"))
    assert c == {"query_id": "c", "tags": [], "city": "", "since": -1, "seen": [], "seen_weights": []}
    assert engine.rows(tables.with_missing_features(log_ids, "query_id", None, [])) == [
        {"query_id": "a"},
        {"query_id": "c"},
    ]


def test_ids_of_the_log_that_the_table_lacks_are_counted_and_named(engine, as_table, caplog):
    entities = as_table({"query_id": ["a", "z"], "age": [1, 2]}, "entities")
    log_ids = as_table({"query_id": ["c", "a", "b"]}, "log_ids")
    with caplog.at_level("WARNING"):
        assert tables.count_without_features(engine, log_ids, "query_id", entities) == 2
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "2 query_ids of the log have no row in their table, such as 'b', 'c'; every feature of theirs is missing. "
        "If it should not be, add their rows."
    )
    caplog.clear()
    known = as_table({"query_id": ["a"]}, "known")
    assert tables.count_without_features(engine, known, "query_id", entities) == 0
    assert not caplog.records
