import json
import math
import os

import pyarrow.parquet as pq
import pytest

from pipelines import artifacts, prepare_data
from pipelines.preparation.errors import PreparationError
from tests.pipelines import film_log
from tfrs_model import schema


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    config = film_log.config(tmp_path_factory.mktemp("films"))
    return prepare_data.run(config), config.prepared_dir


def test_interactions_are_sorted_split_and_know_their_past(prepared):
    _, directory = prepared
    rows = [tuple(row.values()) for row in film_log.rows(directory, "interactions")]
    # SHA-256 begins 629f for "007" and 7902 for "7" (`printf 7 | sha256sum`), which orders them at the same moment.
    assert rows == [
        ("ann", "007", 10_000_000, 1.0, "train", 0),
        ("ann", "7", 10_000_000, 2.0, "train", 0),
        ("ann", "8", 20_000_000, 3.0, "validation", 2),
        ("ann", "9", 30_000_000, 4.0, "test", 3),
        ("bob", "9", 5_000_000, 1.0, "train", 0),
        ("bob", "8", 6_000_000, 1.0, "train", 1),
        ("bob", "007", 7_000_000, 1.0, "validation", 2),
        ("bob", "7", 7_000_000, 1.0, "test", 2),
        ("cleo", "007", 1_000_000, 0.0, "train", 0),
    ]


def test_the_corpus_and_the_queries_are_sorted_and_complete(prepared):
    _, directory = prepared
    assert film_log.rows(directory, "candidates")[:3] == [
        {"candidate_id": "007", "title": "Dr. No", "genres": ["action", "crime"], "year": "1962"},
        {"candidate_id": "10", "title": "Ten", "genres": ["romance"], "year": "1979"},
        {"candidate_id": "7", "title": "Seven", "genres": ["crime"], "year": "1995"},
    ]
    queries = film_log.rows(directory, "queries")
    assert [row["query_id"] for row in queries] == ["ann", "bob", "cleo", "zoe"]
    assert math.isnan(queries[0]["age"])
    assert math.isnan(queries[2]["age"])
    assert (queries[1]["age"], queries[3]["age"]) == (30.0, 70.0)


def test_the_tables_have_the_promised_types(prepared):
    _, directory = prepared

    def types(name):
        return {field.name: str(field.type) for field in pq.read_schema(f"{directory}/{name}.parquet")}

    assert types("interactions") == {
        "query_id": "string",
        "candidate_id": "string",
        "timestamp": "int64",
        "weight": "float",
        "split": "string",
        "history_end": "int64",
    }
    assert types("candidates")["genres"].startswith("list<")
    assert types("queries") == {"query_id": "string", "age": "float"}
    assert types("vocabularies/candidate.genres") == {"value": "string", "count": "int64"}


def test_vocabularies_and_statistics_know_training_rows_only(prepared):
    result, directory = prepared
    folder = f"{directory}/vocabularies"
    assert sorted(os.listdir(folder)) == [
        "candidate.genres.parquet",
        "candidate.year.parquet",
        "candidate_id.parquet",
        "query_id.parquet",
    ]

    def vocabulary(name):
        return [(row["value"], row["count"]) for row in film_log.rows(folder, name)]

    assert vocabulary("query_id") == [("ann", 2), ("bob", 2), ("cleo", 1)]
    assert vocabulary("candidate_id") == [("007", 2), ("7", 1), ("8", 1), ("9", 1)]
    assert vocabulary("candidate.genres") == [("crime", 3), ("action", 2), ("drama", 1)]
    assert vocabulary("candidate.year") == [("1962", 2), ("1963", 1), ("1995", 1)]
    assert result.manifest["numeric_statistics"] == {
        "query": {"age": {"mean": 30.0, "standard_deviation": 0.0}},
        "context": {},
        "candidate": {},
    }


def test_the_manifest_counts_what_was_kept_and_dropped(prepared):
    result, directory = prepared
    assert not result.reused
    assert json.loads((artifacts.PreparedPaths(directory).manifest).read_text()) == result.manifest
    assert result.manifest["counts"] == {
        "interactions": {"train": 5, "validation": 2, "test": 2},
        "queries": 4,
        "candidates": 5,
        # cleo.
        "queries_without_features": 1,
        "queries_wholly_train": 1,
    }
    assert result.manifest["drops"] == {"duplicate": 1}
    assert result.manifest["removed_values"] == {}
    assert result.manifest["time_range_microseconds"] == [1_000_000, 30_000_000]
    assert schema.Schema.from_dict(result.manifest["schema"]) == film_log.SCHEMA
    assert sorted(result.manifest["files"]) == sorted(
        name for name in film_log.contents(artifacts.PreparedPaths(directory).directory) if name != "manifest.json"
    )


def test_nothing_but_the_promised_files_is_published(prepared):
    _, directory = prepared
    assert sorted(os.listdir(directory)) == [
        "candidates.parquet",
        "interactions.parquet",
        "manifest.json",
        "queries.parquet",
        "vocabularies",
    ]


def test_csv_and_parquet_give_the_same_bytes(prepared, tmp_path):
    _, directory = prepared
    from_parquet = prepare_data.run(film_log.config(tmp_path, ".parquet"))
    from_csv = artifacts.read_json(f"{directory}/manifest.json")
    assert from_parquet.manifest["files"] == from_csv["files"]


def test_rows_in_another_order_give_the_same_bytes(prepared, tmp_path):
    _, directory = prepared
    reversed_log = {name: values[::-1] for name, values in film_log.LOG.items()}
    result = prepare_data.run(film_log.config(tmp_path, log=reversed_log))
    assert result.manifest["files"] == artifacts.read_json(f"{directory}/manifest.json")["files"]


def test_many_rows_over_several_threads_give_the_same_bytes_twice(tmp_path):
    count = 200_000
    log = {
        "user": [f"u{number * 7919 % 5003}" for number in range(count)],
        "film": [f"f{number * 104729 % 997}" for number in range(count)],
        "at": [number * 31 % 100_003 for number in range(count)],
    }
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    first = prepare_data.run(film_log.log_only(tmp_path / "1", log, roles)).manifest
    second = prepare_data.run(film_log.log_only(tmp_path / "2", log, roles)).manifest
    assert first["files"] == second["files"]
    assert sum(first["counts"]["interactions"].values()) + first["drops"].get("duplicate", 0) == count


def test_refused_rows_below_the_limit_are_counted_in_the_manifest(tmp_path):
    log = film_log.LOG | {"film": ["gone", *film_log.LOG["film"][1:]], "user": [*film_log.LOG["user"][:8], "", "ann"]}
    result = prepare_data.run(film_log.config(tmp_path, log=log, max_rejected_fraction=0.2))
    assert result.manifest["drops"] == {"candidate_not_in_table": 1, "query_id_missing": 1}
    assert sum(result.manifest["counts"]["interactions"].values()) == 8


def test_what_lists_lose_is_counted_apart_from_dropped_interactions(tmp_path):
    films = film_log.FILMS | {"genres": ["action||crime", "crime", "", "|drama", "romance"]}
    manifest = prepare_data.run(film_log.config(tmp_path, films=films)).manifest
    assert manifest["drops"] == {"duplicate": 1}
    assert manifest["removed_values"] == {"candidate.genres_empty_value": 2}


def test_a_planted_future_row_does_not_change_what_earlier_rows_see(tmp_path):
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    log = {"user": ["u"] * 5, "film": list("abcde"), "at": [1, 2, 2, 3, 4]}
    prepare_data.run(
        film_log.log_only(
            tmp_path / "before", log, roles, split="global_time", validation_fraction=0.2, test_fraction=0.2
        )
    )
    later = {name: [*values, extra] for (name, values), extra in zip(log.items(), ["u", "leak", 9], strict=True)}
    prepare_data.run(
        film_log.log_only(
            tmp_path / "after", later, roles, split="global_time", validation_fraction=0.2, test_fraction=0.3
        )
    )

    def seen(folder):
        return {
            row["candidate_id"]: row["history_end"]
            for row in film_log.rows(tmp_path / folder / "prepared", "interactions")
        }

    assert seen("before") == {"a": 0, "b": 1, "c": 1, "d": 3, "e": 4}
    assert {name: end for name, end in seen("after").items() if name != "leak"} == seen("before")
    vocabulary = [row["value"] for row in film_log.rows(tmp_path / "after" / "prepared", "vocabularies/candidate_id")]
    assert "leak" not in vocabulary


def test_a_log_with_given_splits_and_no_time_is_prepared(tmp_path):
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": None, "split": "part"}
    log = {"user": [1, 1, 2, 2], "film": [5, 6, 5, 6], "part": ["train", "test", "train", "train"]}
    result = prepare_data.run(film_log.log_only(tmp_path, log, roles))
    assert result.manifest["configuration"]["split"] == "given"
    assert result.manifest["time_range_microseconds"] is None
    rows = [tuple(row.values()) for row in film_log.rows(tmp_path / "prepared", "interactions")]
    assert {(row[0], row[1], row[2], row[4], row[5]) for row in rows} == {
        ("1", "5", 0, "train", 0),
        ("1", "6", 0, "test", 0),
        ("2", "5", 0, "train", 0),
        ("2", "6", 0, "train", 0),
    }
    assert [row["candidate_id"] for row in film_log.rows(tmp_path / "prepared", "candidates")] == ["5", "6"]


def test_several_files_are_one_log(tmp_path):
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    for month in (1, 2):
        film_log.write_table(
            tmp_path / f"{month}.parquet", {"user": ["u"] * 2, "film": [f"a{month}", f"b{month}"], "at": [month] * 2}
        )
    whole = schema.Schema(schema.InteractionColumns(**roles))
    config = prepare_data.PrepareConfig(str(tmp_path / "*.parquet"), str(tmp_path / "prepared"), whole)
    assert [source["path"] for source in prepare_data.run(config).manifest["sources"]] == [
        str(tmp_path / "1.parquet"),
        str(tmp_path / "2.parquet"),
    ]
    assert len(film_log.rows(tmp_path / "prepared", "interactions")) == 4


def test_a_feature_may_have_the_name_of_any_column_that_preparation_uses_itself(tmp_path):
    names = ["count", "value", "Count_right", "value_right", "query_id_right", "candidate_id_right"]
    names += ["self", "rows", "weight", "split", "id"]
    films = {"film": ["007", "7", "8", "9", "10"], **{name: ["x", "x", "y", "", "z"] for name in names}}
    users = {"user": ["ann", "bob"], **{name: [["p", "q"], ["p"]] for name in names}}
    features = {
        "query_features": tuple(schema.Feature(name, "multivalent", name) for name in names),
        "candidate_features": tuple(schema.Feature(name, "categorical", name) for name in names),
    }
    roles = schema.InteractionColumns("user", "film", "at")
    prepare_data.run(
        film_log.config(tmp_path, ".parquet", films=films, users=users, schema=schema.Schema(roles, **features))
    )
    for name in names:
        # By hand: ann and bob have 2 training interactions each, 007 has 2, and 7, 8 and 9 have 1.
        of_query = film_log.rows(tmp_path / "prepared", f"vocabularies/query.{name}")
        assert of_query == [{"value": "p", "count": 4}, {"value": "q", "count": 2}], name
        of_candidate = film_log.rows(tmp_path / "prepared", f"vocabularies/candidate.{name}")
        assert of_candidate == [{"value": "x", "count": 3}, {"value": "y", "count": 1}], name
    queries = film_log.rows(tmp_path / "prepared", "queries")
    assert queries[0] == {"query_id": "ann"} | {name: ["p", "q"] for name in names}
    assert queries[2] == {"query_id": "cleo"} | {name: [] for name in names}


def test_a_numeric_feature_named_value_is_read_and_refused_like_any_other(tmp_path):
    roles = schema.InteractionColumns("user", "film", "at")
    value = schema.Schema(roles, query_features=(schema.Feature("value", "numeric", "value"),))
    result = prepare_data.run(
        film_log.config(tmp_path, ".parquet", users={"user": ["ann", "bob"], "value": ["1", "3"]}, schema=value)
    )
    assert result.manifest["numeric_statistics"]["query"] == {"value": {"mean": 2.0, "standard_deviation": 1.0}}
    with pytest.raises(PreparationError, match=r"--queries=.*, numeric feature 'value': value 'old' is not a number"):
        prepare_data.run(
            film_log.config(tmp_path, ".parquet", users={"user": ["ann", "bob"], "value": ["old", "3"]}, schema=value)
        )
