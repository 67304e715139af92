import _thread
import threading
import time

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def test_sums_of_integers_are_written_as_int64_and_literals_as_declared(engine, as_table, tmp_path):
    table = as_table({"id": ["a", "a"], "n": [2**40, 2**40]})
    summed = table.group_by("id").aggregate(n=table.n.sum())
    engine.write_parquet(summed.mutate(weight=ibis.literal(1.0, "float32")), tmp_path / "out.parquet")
    written = pq.read_table(tmp_path / "out.parquet")
    assert written.to_pylist() == [{"id": "a", "n": 2**41, "weight": 1.0}]
    assert [str(field.type) for field in written.schema] == ["string", "int64", "float"]


def test_rows_are_written_in_their_order(engine, as_table, tmp_path):
    numbers = [(7919 * number) % 100_003 for number in range(100_003)]
    engine.write_parquet(as_table({"n": numbers}).order_by("n"), tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["n"].to_pylist() == list(range(100_003))


def test_a_path_with_quotes_and_spaces_works(engine, as_table, tmp_path):
    path = tmp_path / 'it\'s a "log".parquet'
    engine.write_parquet(as_table({"n": [1]}), path)
    assert engine.rows(engine.read_parquet([path])) == [{"n": 1}]


def test_files_with_columns_in_another_order_are_one_table(engine, as_table, tmp_path):
    as_table({"a": [1], "b": ["x"]}, "first")
    as_table({"b": ["y"], "a": [2]}, "second")
    both = engine.read_parquet([tmp_path / "first.parquet", tmp_path / "second.parquet"])
    assert engine.rows(both.order_by("a")) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_every_csv_field_is_text_and_an_empty_one_is_null(engine, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('id,n\n007,1e3\n"a,b",\n')
    table = engine.read_csv([path], ["id", "n"], ",", "interactions")
    assert engine.rows(table) == [{"id": "007", "n": "1e3"}, {"id": "a,b", "n": None}]


def test_an_interrupt_stops_a_running_statement_at_once(engine, as_table):
    table = as_table({"n": range(100_000)})
    pairs = table.cross_join(table.view())
    # Ten thousand million pairs with no shortcut take minutes.
    endless = pairs.filter(pairs.n * pairs.n_right % 1_000_003 == 1).count().name("pairs").as_table()
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        engine.rows(endless)
    assert time.monotonic() - started < 5.0
    assert engine.rows(table.aggregate(rows=table.count())) == [{"rows": 100_000}]


def test_ordered_sums_leave_the_number_of_threads_as_it_was(engine, as_table):
    table = as_table({"x": [0.1, 0.2, 0.3]})
    total = table.aggregate(total=table.x.sum())
    before = engine.rows(total)
    assert engine.rows_summed_in_order(total) == [{"total": pytest.approx(0.6)}] == before


def test_a_column_of_empty_lists_alone_is_one_of_text_and_goes_with_lists_of_another_file(engine, tmp_path):
    empty, full = tmp_path / "empty.parquet", tmp_path / "full.parquet"
    pq.write_table(pa.table({"id": [1, 2], "tags": pa.array([[], []], pa.list_(pa.null()))}), empty)
    pq.write_table(pa.table({"id": [3], "tags": [["a"]]}), full)
    alone = engine.read_parquet([empty])
    assert str(alone.tags.type()) == "array<string>"
    assert engine.rows(alone.aggregate(values=alone.tags.length().sum())) == [{"values": 0}]
    both = engine.read_parquet([empty, full])
    assert engine.rows(both.filter(both.id == 3).select("tags")) == [{"tags": ["a"]}]


def test_a_nan_that_a_files_statistics_do_not_mention_is_found(engine, as_table):
    table = as_table({"x": [1.0, float("nan"), 3.0]})
    assert engine.rows(table.select(found=table.x.isnan())) == [{"found": False}, {"found": True}, {"found": False}]
    assert engine.rows(table.filter(~table.x.isnan()).aggregate(mean=table.x.mean())) == [{"mean": 2.0}]
