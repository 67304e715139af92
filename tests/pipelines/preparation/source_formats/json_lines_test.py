import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.preparation.errors import PreparationError
from pipelines.preparation.source_formats import json_lines


def _convert(tmp_path, *texts, suffix=".jsonl"):
    paths = [tmp_path / f"{index}{suffix}" for index in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    targets = [tmp_path / f"{index}.parquet" for index in range(len(texts))]
    json_lines.convert("interactions", paths, targets, lambda _: None)
    return pa.concat_tables(pq.read_table(target) for target in targets)


def _types(table):
    return {field.name: str(field.type) for field in table.schema}


def test_integers_stay_integers_and_text_stays_text(tmp_path):
    lines = '{"id": "007", "n": 9007199254740993, "at": "2024-01-01", "ok": true}\n{"id": "7", "n": -1, "ok": null}\n'
    table = _convert(tmp_path, lines)
    assert _types(table) == {"id": "string", "n": "int64", "at": "string", "ok": "bool"}
    # 2^53 + 1 is no float64.
    assert table.to_pylist() == [
        {"id": "007", "n": 9_007_199_254_740_993, "at": "2024-01-01", "ok": True},
        {"id": "7", "n": -1, "at": None, "ok": None},
    ]


def test_types_are_found_over_all_lines_of_all_files(tmp_path):
    table = _convert(
        tmp_path,
        '{"x": null}\n{"x": 1, "tags": []}\n',
        '\n{"x": 2.5, "tags": ["2024-01-01", null]}\n{"late": {"a": 1}}',
    )
    assert _types(table) == {"x": "double", "tags": "list<element: string>", "late": "struct<a: int64>"}
    assert table["x"].to_pylist() == [None, 1.0, 2.5, None]
    assert table["tags"].to_pylist() == [None, [], ["2024-01-01", None], None]


def test_lists_and_objects_that_differ_from_file_to_file_are_one_column(tmp_path):
    table = _convert(tmp_path, '{"l": [1], "o": {"a": 1}}\n', '{"l": [2.5], "o": {"b": "2024-01-01"}}\n')
    assert _types(table) == {"l": "list<element: double>", "o": "struct<a: int64, b: string>"}


def test_a_column_of_nulls_alone_is_text(tmp_path):
    assert _types(_convert(tmp_path, '{"x": null, "l": []}\n')) == {"x": "string", "l": "list<element: string>"}


def test_blocks_are_cut_between_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 100)
    rows = [{"id": str(number) * (number % 7), "n": number} for number in range(500)]
    table = _convert(tmp_path, "\ufeff" + "\r\n".join(json.dumps(row) for row in rows), suffix=".json.gz")
    assert table.to_pylist() == rows


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            '{"a": 1}\n\n{"a": 1',
            r"line 3 is no JSON object \(Expecting ',' delimiter at character 8\): '{\"a\": 1'; mend",
        ),
        ('{"a": 1}\n{"a": "x"}\n', "line 2 has text under 'a', where lines before have numbers; mend that line"),
        ('{"a": true}\n{"a": 1}\n', "line 2 has numbers under 'a', where lines before have true or false"),
        ('{"a": [1, "x"]}\n', "line 1 has a list of numbers and text under 'a'"),
        ('{"a": [1]}\n{"a": {"b": 1}}\n', "line 2 has objects under 'a', where lines before have lists"),
        ('[{"a": 1}]\n', "line 1 holds lists, but must hold one object with a key for each column"),
        ('{"a": 1}\n5\n', "line 2 holds numbers, but must hold one object"),
        ('{"a": 1, "a": 2}\n', "line 1 has the key 'a' twice"),
        ("{'a': 1}\n", r"line 1 is no JSON object \(Expecting property name"),
        (b'{"a": 1}\n{"a": "\xe9"}\n', "must be UTF-8, but line 2, byte 7 of the line is not"),
    ],
)
@pytest.mark.parametrize("block_bytes", [10, 1 << 20])
def test_a_line_that_cannot_be_read_is_named(tmp_path, monkeypatch, text, sentence, block_bytes):
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", block_bytes)
    with pytest.raises(PreparationError, match=rf"^--interactions=.*0\.jsonl:? {sentence}"):
        _convert(tmp_path, text)


def test_a_type_that_changes_in_the_second_file_is_found_there(tmp_path):
    with pytest.raises(PreparationError, match=r"1\.jsonl: line 2 has text under 'a', where lines before have numbers"):
        _convert(tmp_path, '{"a": 1}\n', '{"a": null}\n{"a": "1"}\n')


def test_a_line_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 10)
    monkeypatch.setattr(json_lines, "_LONGEST_LINE_BYTES", 50)
    with pytest.raises(PreparationError, match=r"line 2 is longer than 50 bytes; JSON lines hold one object a line"):
        _convert(tmp_path, '{"a": 1}\n' + '{"a": "' + 100 * "x")


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-9], lambda content: content[:-6] + b"\0\0" + content[-4:]]
)
def test_a_cut_or_damaged_gzip_file_is_refused(tmp_path, damage):
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b'{"a": 1}\n' * 1000)))
    with pytest.raises(
        PreparationError, match=r"log\.jsonl\.gz is no complete gzip file \(.*\); write or copy it again"
    ):
        json_lines.convert("interactions", [path], [tmp_path / "out.parquet"], lambda _: None)
