import pathlib

import duckdb
import pytest

from pipelines.preparation import duckdb_errors
from pipelines.preparation.errors import EngineStoppedError, PreparationError


def _refusal(engine, path, text, delimiter=","):
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(PreparationError) as refusal:
        engine.rows(engine.read_csv([path], ["id", "n"], delimiter, "candidates"))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("1,2,3", "has a row of 3 fields under a header of 2"),
        ("1", "has a row of 1 fields under a header of 2"),
        ('1,"2', "has a quote that is not closed before a delimiter or the end of the line"),
        ('"1"x,2', "has a quote that is not closed before a delimiter or the end of the line"),
    ],
)
def test_a_broken_csv_line_is_one_sentence_with_flag_file_line_cause_and_remedy(engine, tmp_path, line, cause):
    path = tmp_path / "log.csv"
    said = _refusal(engine, path, f"id,n\n1,2\n{line}\n3,4\n")
    assert said == f"--candidates={path}: line 3 {cause}: {line!r}; mend that line, or set --csv_delimiter."


def test_the_file_is_named_as_the_flag_named_it(engine, tmp_path, monkeypatch):
    (tmp_path / "linked").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = _refusal(engine, pathlib.Path("linked/log.csv"), "id,n\n1\n")
    assert said.startswith("--candidates=linked/log.csv: line 2 has a row of 1 fields under a header of 2: '1';")


def test_the_line_is_counted_in_the_file_where_fields_before_it_hold_line_ends(engine, tmp_path):
    path = tmp_path / "log.csv"
    said = _refusal(engine, path, 'id,n\n1,"two\nthree\nfour"\n\n5,6,7\n')
    assert said.startswith(f"--candidates={path}: line 6 has a row of 3 fields under a header of 2: '5,6,7';")


def test_a_quote_left_open_in_a_long_file_quotes_its_own_line_and_no_other(engine, tmp_path):
    path = tmp_path / "log.csv"
    said = _refusal(engine, path, "id,n\n" + "1,2\n" * 5000 + '3,"4\n' + "5,6\n" * 100_000)
    assert "line 5,002 has a quote that is not closed" in said
    assert """: '3,"4'; mend""" in said
    assert len(said) < 250 + len(str(path))


def test_quoted_text_is_cut_to_80_characters(engine, tmp_path):
    said = _refusal(engine, tmp_path / "log.csv", f"id,n\n{'x' * 5000},1,2\n")
    assert f": '{'x' * 80}...'; mend that line" in said


def test_a_line_longer_than_the_engine_takes_is_a_sentence(engine, tmp_path):
    said = _refusal(engine, tmp_path / "log.csv", f"id,n\n1,2\n{'x' * 3_000_000},1\n")
    assert "log.csv: line 3 is longer than 2,000,000 bytes, perhaps after a quote that is never closed" in said
    assert len(said) < 500


def test_a_line_after_a_field_too_long_for_the_line_count_is_still_a_sentence(engine, tmp_path):
    said = _refusal(engine, tmp_path / "log.csv", f"id,n\n{'x' * 200_000},1\n2\n")
    assert "log.csv: line 3 has a row of 1 fields under a header of 2; mend that line" in said


def test_a_line_end_inside_a_line_names_the_file(engine, tmp_path):
    path = tmp_path / "log.csv"
    said = _refusal(engine, path, "id,n\n" + "1,2\n" * 50 + "3\r,4\n" + "1,2\n" * 50)
    assert said.startswith(f"--candidates={path} is no well-formed CSV file (")
    assert said.endswith("; mend its quotes and line ends, or set --csv_delimiter.")
    assert "strict_mode" not in said


def test_a_file_named_in_a_row_is_not_taken_for_the_file(engine, tmp_path):
    path = tmp_path / "it's a  log.csv"
    said = _refusal(engine, path, 'id,n\n1,"2\n  file = other.csv\n  delimiter = ,\n')
    assert said.startswith(f"--candidates={path}: line 2 has a quote")


def test_the_second_of_two_files_is_named(engine, tmp_path):
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path, text in zip(paths, ("1,2\n", "1\n"), strict=True):
        path.write_text("id,n\n" + text)
    with pytest.raises(PreparationError, match=r"--queries=.*2\.csv: line 2 has a row of 1 fields"):
        engine.rows(engine.read_csv(paths, ["id", "n"], ",", "queries").order_by("id"))


@pytest.mark.parametrize(
    ("error", "is_stopped", "remedy"),
    [
        (
            duckdb.OutOfMemoryException("no block\n\nPossible solutions:\n* SET x"),
            True,
            "raise --engine_memory_limit, or",
        ),
        (duckdb.IOException("no block"), True, "check that the disk has space and that the files can be read"),
        (duckdb.Error("no block"), False, "check that the source files are whole"),
    ],
)
def test_any_other_failure_of_the_engine_has_a_remedy(error, is_stopped, remedy):
    sentence = rf"^The engine failed while counting: no block; {remedy}.*\.$"
    with pytest.raises(PreparationError, match=sentence) as raised, duckdb_errors.readable_errors("counting", []):
        raise error
    assert isinstance(raised.value, EngineStoppedError) == is_stopped
