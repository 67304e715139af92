import json
import multiprocessing

import pytest

from pipelines import json_line_file

_FIRST = '{"day": 1, "note": "grün"}\n'


def test_each_object_is_one_line_that_any_json_reader_takes(tmp_path):
    path = tmp_path / "lines.jsonl"
    for day in (1, 2):
        json_line_file.append(path, {"day": day, "note": "two\nlines"})
    lines = path.read_text().split("\n")
    assert [json.loads(line)["day"] for line in lines[:2]] == [1, 2]
    assert lines[2:] == [""]


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert json_line_file.read(tmp_path / "none.jsonl") == []


# Every place in which a kill or a power cut can end the writing of the second line, its line feed included.
@pytest.mark.parametrize("num_bytes", range(1, len(_FIRST.encode()) + 1))
def test_a_write_that_is_cut_short_anywhere_costs_at_most_its_own_line(tmp_path, num_bytes):
    path = tmp_path / "lines.jsonl"
    first = _FIRST.encode()
    path.write_bytes(first + first.replace(b"1", b"2")[:num_bytes])
    is_whole = num_bytes >= len(first) - 1
    assert [record["day"] for record in json_line_file.read(path)] == ([1, 2] if is_whole else [1])
    json_line_file.append(path, {"day": 3})
    days = [json.loads(line)["day"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert days == ([1, 2, 3] if is_whole else [1, 3])


def test_a_repair_is_said_in_the_log(tmp_path, caplog):
    path = tmp_path / "lines.jsonl"
    path.write_text(_FIRST + '{"day": 2')
    json_line_file.append(path, {"day": 3})
    assert "cut off a last line that a killed run left unfinished: '{\"day\": 2' (9 bytes)" in caplog.text
    path.write_text(_FIRST.rstrip())
    json_line_file.append(path, {"day": 2})
    assert "ended a last line that a killed run left whole" in caplog.text
    assert [record["day"] for record in json_line_file.read(path)] == [1, 2]


def test_a_number_that_could_be_the_beginning_of_another_is_no_line(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text(_FIRST + "12")
    assert len(json_line_file.read(path)) == 1


def test_reading_changes_nothing(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text(_FIRST + '{"day": 2')
    json_line_file.read(path)
    assert path.read_text() == _FIRST + '{"day": 2'


@pytest.mark.parametrize("damage", ['{"day": ', "[1]", "", "\0\0\0"])
def test_a_damaged_line_before_the_last_is_refused_by_number(tmp_path, damage):
    path = tmp_path / "lines.jsonl"
    path.write_text(f"{_FIRST}{damage}\n{_FIRST}")
    with pytest.raises(json_line_file.JsonLineError, match=r"lines\.jsonl: line 2 must be one JSON object, but is "):
        json_line_file.read(path)


def test_what_json_readers_refuse_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        json_line_file.append(tmp_path / "lines.jsonl", {"loss": float("nan")})
    assert not (tmp_path / "lines.jsonl").exists()


def _append_many(path, writer):
    for number in range(30):
        json_line_file.append(path, {"writer": writer, "number": number, "filling": "x" * 3000})


def test_lines_of_writers_that_write_at_once_never_mix(tmp_path):
    path = tmp_path / "lines.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, writer)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    records = json_line_file.read(path)
    for writer in range(3):
        assert [record["number"] for record in records if record["writer"] == writer] == list(range(30))
