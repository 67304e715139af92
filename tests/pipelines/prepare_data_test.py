import json
import math
import operator
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import job, prepare_data, prepared_data
from pipelines.preparation import build
from pipelines.preparation.errors import EngineStoppedError, PreparationError
from tests.pipelines import film_log
from tfrs_model import schema


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    config = film_log.config(tmp_path_factory.mktemp("films"))
    return prepare_data.run(config), config.prepared_dir


def test_a_rerun_reuses_its_result_and_an_option_changes_it(tmp_path):
    config = film_log.config(tmp_path)
    first = prepare_data.run(config)
    stamp = os.stat(config.prepared_dir).st_mtime_ns
    again = prepare_data.run(config)
    assert again.reused
    assert again.manifest == first.manifest
    assert os.stat(config.prepared_dir).st_mtime_ns == stamp
    rarer = prepare_data.run(film_log.config(tmp_path, min_count=2))
    assert not rarer.reused
    assert [row["value"] for row in film_log.rows(config.prepared_dir, "vocabularies/candidate_id")] == ["007"]
    # Rarer candidates leave the vocabulary, not the log.
    assert rarer.manifest["counts"] == first.manifest["counts"]


def test_with_no_split_every_interaction_trains_and_sees_what_is_earlier(tmp_path):
    config = film_log.config(tmp_path, split="none")
    manifest = prepare_data.run(config).manifest
    given = prepare_data.run(film_log.config(tmp_path / "given")).manifest["counts"]["interactions"]
    assert manifest["counts"]["interactions"] == {"train": sum(given.values()), "validation": 0, "test": 0}
    for row in film_log.rows(config.prepared_dir, "interactions"):
        others = [
            each for each in film_log.rows(config.prepared_dir, "interactions") if each["query_id"] == row["query_id"]
        ]
        assert row["history_end"] == sum(each["timestamp"] < row["timestamp"] for each in others)


def test_the_same_bytes_from_another_folder_are_the_same_data_to_a_model(prepared, tmp_path):
    elsewhere = film_log.config(tmp_path)
    assert prepare_data.run(elsewhere).manifest["sources"] != prepared[0].manifest["sources"]
    here, there = (prepared_data.read_prepared_data(each) for each in (prepared[1], elsewhere.prepared_dir))
    assert here.manifest_sha256 == there.manifest_sha256


def test_a_changed_source_is_prepared_again(tmp_path):
    prepare_data.run(film_log.config(tmp_path))
    longer = {name: [*values, values[-2]] for name, values in film_log.LOG.items()}
    result = prepare_data.run(film_log.config(tmp_path, log=longer))
    assert not result.reused
    assert result.manifest["drops"] == {"duplicate": 2}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError, EngineStoppedError])
@pytest.mark.parametrize("stage", ["_read_log", "_write_interactions", "_write_vocabularies", "_write_days"])
def test_an_interruption_leaves_the_old_directory_and_the_next_run_does_what_was_left(
    prepared, tmp_path, monkeypatch, stage, interruption
):
    config = film_log.config(tmp_path / "interrupted", min_count=2, day_partitions=True)
    shutil.copytree(prepared[1], config.prepared_dir)
    before = film_log.contents(pathlib.Path(config.prepared_dir))

    def interrupted(*_):
        raise interruption

    with monkeypatch.context() as patch:
        patch.setattr(build._Build, stage, interrupted)
        with pytest.raises(interruption):
            prepare_data.run(config)
    assert film_log.contents(pathlib.Path(config.prepared_dir)) == before
    with monkeypatch.context() as patch:
        # The candidate table was read before any of these stages.
        patch.setattr(build._Build, "_write_candidate_table", interrupted)
        assert not prepare_data.run(config).reused
    undisturbed = film_log.config(tmp_path / "undisturbed", min_count=2, day_partitions=True)
    prepare_data.run(undisturbed)
    assert _tables(config) == _tables(undisturbed)
    assert not list(pathlib.Path(config.prepared_dir).parent.glob(".prepared*"))


def _tables(config):
    files = film_log.contents(pathlib.Path(config.prepared_dir))
    return {name: content for name, content in files.items() if name != "manifest.json"}


def test_bad_input_leaves_nothing_behind(tmp_path):
    config = film_log.config(tmp_path, log=film_log.LOG | {"at": [-1] * 10})
    with pytest.raises(PreparationError):
        prepare_data.run(config)
    assert not list(tmp_path.glob("*prepared*"))


def test_days_hold_the_interactions_once_more_each_day_sorted_by_time(tmp_path):
    day = 86_400
    log = {
        "user": ["b", "a", "a", "a", "b", "a"],
        "film": ["x", "y", "x", "z", "y", "w"],
        # The last second of 1970-01-01 and the first of the next day, and a day without any between.
        "at": [day - 1, day - 1, day, 3 * day, 3 * day + 5, 3 * day + 9],
    }
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    config = film_log.log_only(tmp_path, log, roles, day_partitions=True)
    prepare_data.run(config)
    days = {path.name: film_log.rows(path, "interactions") for path in sorted((tmp_path / "prepared/days").iterdir())}
    assert {name: [(row["query_id"], row["candidate_id"]) for row in rows] for name, rows in days.items()} == {
        "date=1970-01-01": [("a", "y"), ("b", "x")],
        "date=1970-01-02": [("a", "x")],
        "date=1970-01-04": [("a", "z"), ("b", "y"), ("a", "w")],
    }
    by_identity = operator.itemgetter("query_id", "timestamp", "candidate_id")
    together = [row for rows in days.values() for row in rows]
    assert sorted(together, key=by_identity) == sorted(
        film_log.rows(config.prepared_dir, "interactions"), key=by_identity
    )


def test_watch_fractions_below_the_minimum_are_left_out_and_counted(tmp_path):
    log = {
        "user": ["a", "a", "a", "a", "b"],
        "film": ["x", "y", "z", "w", "x"],
        "at": [1, 2, 3, 4, 5],
        "watched": [60, 5, 30, 90, 1],
        "length": [120, 120, 60, 90, 100],
    }
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    roles |= {"weight": "watched", "weight_divisor": "length", "minimum_weight": 0.5}
    config = film_log.log_only(tmp_path, log, roles)
    assert prepare_data.run(config).manifest["drops"] == {"weight_below_minimum": 2}
    rows = film_log.rows(config.prepared_dir, "interactions")
    assert [(row["candidate_id"], row["weight"]) for row in rows] == [("x", 0.5), ("z", 0.5), ("w", 1.0)]


def test_ids_that_differ_by_case_or_space_stay_apart_and_are_counted(tmp_path, caplog):
    log = {"user": ["Ann", "ann ", "bob", "ANN", "bob"], "film": ["x", "x", "X", "y", "y"], "at": [1, 2, 3, 4, 5]}
    roles = {"query_id": "user", "candidate_id": "film", "timestamp": "at"}
    config = film_log.log_only(tmp_path, log, roles, split="global_time", test_fraction=0.2, validation_fraction=0.2)
    manifest = prepare_data.run(config).manifest
    assert manifest["similar_ids"] == {"query_id": 3, "candidate_id": 2}
    assert [row["query_id"] for row in film_log.rows(config.prepared_dir, "queries")] == ["ANN", "Ann", "ann ", "bob"]
    assert (
        "2 candidate_ids differ from another one by case or outer white space alone, such as 'X' and 'x'" in caplog.text
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"log": film_log.LOG | {"at": [-1] * 10}}, r"10 of 10 interactions are refused \(10 timestamp_negative\)"),
        (
            {"log": film_log.LOG | {"stars": [math.nan, *film_log.LOG["stars"][1:]]}},
            r"1 of 10 .*1 weight_not_a_number.* share of 0\.1000",
        ),
        ({"log": film_log.LOG | {"film": ["x", *film_log.LOG["film"][1:]]}}, r"\(1 candidate_not_in_table\)"),
        (
            {"log": {"user": ["a"], "item": ["b"]}},
            r"no column 'film' \(interactions.candidate_id\); its columns are user, item",
        ),
        ({"films": film_log.FILMS | {"film": ["7"] * 5}}, r"has 1 ids more than once, such as '7' \(5 rows\)"),
        ({"films": {"film": ["7"], "name": ["Seven"], "genres": ["a"]}}, r"no column 'year' \(feature 'year'\)"),
        ({"users": {"user": ["a", "a"], "age": [1, 2]}}, r"--queries=.* has 1 ids more than once"),
        ({"users": {"user": ["a"], "age": ["old"]}}, r"numeric feature 'age': value 'old' is not a number"),
        ({"split": "global_time", "log": film_log.LOG | {"at": [1] * 10}}, "leaves the train split empty"),
        ({"log": {name: values[7:9] for name, values in film_log.LOG.items()}}, "no query has 3 interactions"),
    ],
)
def test_bad_input_is_a_sentence_and_publishes_nothing(prepared, tmp_path, change, sentence):
    shutil.copytree(prepared[1], tmp_path / "prepared")
    before = film_log.contents(tmp_path / "prepared")
    with pytest.raises(PreparationError, match=sentence):
        prepare_data.run(film_log.config(tmp_path, **change))
    assert film_log.contents(tmp_path / "prepared") == before
    assert not list(tmp_path.glob(".prepared*"))


@pytest.mark.parametrize("table", ["interactions", "candidates", "queries"])
def test_a_csv_row_that_cannot_be_read_names_flag_file_and_line(tmp_path, table):
    config = film_log.config(tmp_path)
    path = getattr(config, table)
    with open(path, "a", encoding="utf-8") as file:
        file.write('ann,"7\n')
    rows = {"interactions": film_log.LOG, "candidates": film_log.FILMS, "queries": film_log.USERS}[table]
    line = 2 + len(next(iter(rows.values())))
    with pytest.raises(PreparationError, match=rf"^--{table}={path}: line {line} has a .*; mend that line, or set"):
        prepare_data.run(config)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"interactions": ""}, "--interactions must be given"),
        ({"prepared_dir": None}, "--prepared_dir must be given"),
        ({"split": "random"}, "--split must be one of leave_last_out, global_time, given, none, but is 'random'"),
        ({"split": "given"}, "--split=given needs a split column; name it with --split_column"),
        (
            {"schema": schema.Schema(schema.InteractionColumns(timestamp=None))},
            "--split=leave_last_out needs timestamps",
        ),
        ({"validation_fraction": 1.0}, r"--validation_fraction must be in \[0, 1\), but is 1.0"),
        ({"test_fraction": -0.1}, r"--test_fraction must be in \[0, 1\), but is -0.1"),
        ({"split": "global_time", "validation_fraction": 0.5, "test_fraction": 0.5}, "above 0 and below 1, but is 1"),
        ({"split": "global_time", "validation_fraction": 0.0, "test_fraction": 0.0}, "above 0 and below 1, but is 0"),
        ({"min_count": 0}, "--min_count must be >= 1, but is 0"),
        ({"statistics_splits": "test"}, "--statistics_splits must be train or train,validation, but is 'test'"),
        ({"max_rejected_fraction": 1.5}, r"--max_rejected_fraction must be in \[0, 1\], but is 1.5"),
        ({"max_rejected_fraction": math.nan}, "--max_rejected_fraction must be in"),
        ({"csv_delimiter": "::"}, "--csv_delimiter must be one character, no quote and no line end, but is '::'"),
        ({"csv_delimiter": '"'}, "no quote"),
        ({"engine_memory_limit": "lots"}, "--engine_memory_limit must be a size such as 2GB, but is 'lots'"),
        (
            {"schema": film_log.SCHEMA},
            "The schema has features genres, year that are read from a table; name it with --candidates",
        ),
        (
            {"schema": film_log.SCHEMA, "candidates": "c.csv"},
            "features age that are read from a table; name it with --queries",
        ),
        (
            {"schema": schema.Schema(title="name")},
            "title column 'name' is in a candidate table; name it with --candidates",
        ),
    ],
)
def test_an_option_out_of_range_is_refused_with_its_flag(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        prepare_data.PrepareConfig(**{"interactions": "log.csv", "prepared_dir": "prepared", **options})


def test_flags_override_the_schema_file_and_an_empty_one_takes_a_role_away(tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps(film_log.SCHEMA.to_dict()))
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["prepare_data"])
    with flagsaver.flagsaver(
        interactions="log.csv",
        candidates="films.csv",
        queries="users.csv",
        prepared_dir="prepared",
        schema=str(tmp_path / "schema.json"),
        query_id_column="viewer",
        timestamp_unit="ms",
        weight_column="",
        split_column="part",
        csv_delimiter="tab",
    ):
        config = prepare_data.config_from_flags()
    assert config.schema.interactions == schema.InteractionColumns("viewer", "film", "at", "ms", split="part")
    assert config.schema.candidate_features == film_log.SCHEMA.candidate_features
    assert config.split == "given"
    assert config.csv_delimiter == "\t"


def _command(*arguments):
    command = [sys.executable, "-m", "pipelines.prepare_data", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_prepares_a_log_and_says_what_it_did(tmp_path):
    log = film_log.write_table(tmp_path / "log.csv", film_log.LOG)
    done = _command(
        f"--interactions={log}",
        "--query_id_column=user",
        "--candidate_id_column=film",
        "--timestamp_column=at",
        f"--prepared_dir={tmp_path / 'prepared'}",
    )
    assert done.returncode == 0, done.stderr
    assert "Reading interactions: done in" in done.stderr
    assert "rows 10, dropped 1" in done.stderr
    assert (tmp_path / "prepared" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "last_line"),
    [
        (["--interactions=none.csv", "--prepared_dir=p"], "ERROR: --interactions=none.csv matches no file; correct"),
        (["--split=random"], "FATAL Flags parsing error:"),
        (["--prepared_dir=p"], "Flag --interactions must have a value other than None."),
    ],
)
def test_the_command_line_ends_a_mistake_with_a_sentence_and_code_1(arguments, last_line):
    done = _command(*arguments)
    assert done.returncode == 1
    assert last_line in done.stderr
    assert "Traceback" not in done.stderr
