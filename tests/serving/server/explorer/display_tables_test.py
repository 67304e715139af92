import gc
import weakref

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving import errors
from serving.server.explorer import display_table, display_tables


class _Lent:
    """A lent version, as far as its table is concerned."""

    class _Loaded:
        pass

    def __init__(self, model_dir):
        self.lifetime = self._Loaded()
        self.model_dir = model_dir


@pytest.fixture
def lent(tmp_path):
    path = tmp_path / display_table.PATH
    path.parent.mkdir()
    pq.write_table(pa.table({"candidate_id": ["a"], "title": ["A"]}), path)
    return _Lent(tmp_path)


def test_a_table_is_read_once_and_freed_with_its_version(lent):
    tables = display_tables.DisplayTables()
    table = weakref.ref(tables.of(lent))
    (lent.model_dir / display_table.PATH).unlink()
    assert tables.of(lent) is table()
    lent.lifetime = None
    gc.collect()
    assert table() is None


def test_the_same_number_loaded_again_has_the_table_of_its_own_files(lent):
    tables = display_tables.DisplayTables()
    assert tables.of(lent).rows(["a"]) == [["A"]]
    pq.write_table(pa.table({"candidate_id": ["a"], "title": ["Z"]}), lent.model_dir / display_table.PATH)
    assert tables.of(lent).rows(["a"]) == [["A"]]
    assert tables.of(_Lent(lent.model_dir)).rows(["a"]) == [["Z"]]


def test_a_version_from_no_folder_has_no_table():
    assert display_tables.DisplayTables().of(_Lent(None)) is None


def test_a_table_that_cannot_be_read_is_tried_again(lent):
    tables, path = display_tables.DisplayTables(), lent.model_dir / display_table.PATH
    whole = path.read_bytes()
    path.write_bytes(b"no parquet")
    with pytest.raises(errors.DataLossError):
        tables.of(lent)
    path.write_bytes(whole)
    assert tables.of(lent).rows(["a"]) == [["A"]]
