import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import export_flags
from serving import errors
from serving.server.explorer import display_table


def _write(model_dir, columns):
    path = model_dir / "assets.extra" / "display.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path, row_group_size=7)
    return path


def test_the_table_is_read_from_where_the_export_job_writes_it():
    assert display_table.PATH == export_flags.DISPLAY_PATH


def test_every_id_has_its_own_row_whatever_the_order_of_the_file(tmp_path):
    # Lengths, case and letters of other scripts, which not every order agrees on.
    ids = ["007", "7", "70", "a", "B", "é", "жизнь", "🎬", "\x00", "", *map(str, range(1000))]
    ids = list(dict.fromkeys(ids))
    np.random.default_rng(1).shuffle(ids)
    _write(tmp_path, {"title": [f"title of {each!r}" for each in ids], "candidate_id": ids})
    table = display_table.read(tmp_path)
    assert table.columns == ["title"]
    assert table.rows(ids) == [[f"title of {each!r}"] for each in ids]


def test_an_id_that_is_not_there_has_no_row(tmp_path):
    _write(tmp_path, {"candidate_id": ["b", None, "d"], "title": ["B", "nobody's", "D"]})
    table = display_table.read(tmp_path)
    assert table.rows(["a", "b", "c", "d", "e", "", "\ud800", "B"]) == [
        None,
        ["B"],
        None,
        ["D"],
        None,
        None,
        None,
        None,
    ]


def test_a_corpus_without_candidates_has_no_rows(tmp_path):
    _write(tmp_path, {"candidate_id": pa.array([], pa.string()), "title": pa.array([], pa.string())})
    assert display_table.read(tmp_path).rows(["a"]) == [None]


def test_values_are_what_json_has_and_long_texts_are_cut(tmp_path):
    columns = {
        "candidate_id": ["a", "b"],
        "genres": [["war", "drama"], []],
        "year": [1977, None],
        "price": [9.5, float("nan")],
        "day": [datetime.date(1998, 4, 22), None],
        "plot": ["x" * 1000, "short"],
    }
    _write(tmp_path, columns)
    first, second = display_table.read(tmp_path).rows(["a", "b"])
    assert first == [["war", "drama"], 1977, 9.5, "1998-04-22", "x" * 300 + "…"]
    assert second == [[], None, None, None, "short"]


def test_a_version_without_a_table_has_none(tmp_path):
    assert display_table.read(tmp_path) is None


def test_a_table_without_ids_or_cut_off_is_refused_with_its_path(tmp_path):
    path = _write(tmp_path, {"title": ["A"]})
    with pytest.raises(errors.DataLossError) as refusal:
        display_table.read(tmp_path)
    assert str(refusal.value) == f"{path} must have a column candidate_id, but has title; export again."
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(errors.DataLossError, match=r"display\.parquet cannot be read \(.+\); export again\.$"):
        display_table.read(tmp_path)
