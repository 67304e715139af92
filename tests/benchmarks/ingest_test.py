import collections
import json
import zlib

import pyarrow.parquet as pq
import pytest

from benchmarks import ingest, ingest_feeding, ingest_log, ingest_preparation, ingest_spark, own_process
from pipelines import job


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("ingest") / "log.parquet"
    assert ingest_log.write_log(path, 4000) == {"queries": 200, "candidates": 40}
    return path


@pytest.fixture(scope="module")
def prepared_dir(log):
    target = log.parent / "prepared"
    ingest_preparation._prepare(str(log), str(target))
    return target


def test_the_log_is_ordered_by_time_and_skewed_on_both_sides(log):
    table = pq.read_table(log)
    assert table.num_rows == 4000
    times = table["timestamp"].to_pylist()
    assert times == sorted(times)
    (name, count), (_, next_count) = collections.Counter(table["query_id"].to_pylist()).most_common(2)
    # A twentieth of 4,000 rows; the other 199 queries have 19 each on average.
    assert (name, next_count < 50) == ("q0", True)
    assert count == pytest.approx(200, abs=50)
    candidates = collections.Counter(table["candidate_id"].to_pylist())
    # The harmonic number of 40 is 4.28: rank 1 has 23% of the rows, and twice as many as rank 2.
    assert candidates["c0"] == pytest.approx(4000 / 4.28, rel=0.1)
    assert candidates["c1"] == pytest.approx(candidates["c0"] / 2, rel=0.2)


def test_the_same_seed_writes_the_same_log(log, tmp_path):
    ingest_log.write_log(tmp_path / "again.parquet", 4000)
    assert (tmp_path / "again.parquet").read_bytes() == log.read_bytes()


def test_preparation_and_scan_see_every_interaction(log, tmp_path):
    prepared = ingest_preparation._prepare(str(log), str(tmp_path / "prepared"))
    scanned = ingest_preparation._scan(str(log))
    assert prepared["interactions"] == scanned["interactions"] == 4000
    assert min(each["peak_memory_bytes"] for each in (prepared, scanned)) > 0


@pytest.mark.parametrize(
    "built", [lambda prepared_dir: lambda batch: {"loss": 0.0}, pytest.param(None, marks=pytest.mark.drill)]
)
def test_feeding_is_timed_beside_the_step_and_a_read(monkeypatch, prepared_dir, built):
    monkeypatch.setattr(ingest_feeding, "_NUM_BATCHES", 3)
    monkeypatch.setattr(ingest_feeding, "_NUM_STEPS", 1)
    # The first time without a model, whose step takes long to build; the drill builds it.
    monkeypatch.setattr(ingest_feeding, "_training_step", built or ingest_feeding._training_step)
    measured = ingest_feeding._rates(str(prepared_dir), batch_size=16, num_rounds=1)
    assert set(measured["batches_per_second"]) == {"feeding", "training_step", "pyarrow_read"}
    assert min(measured["batches_per_second"].values()) > 0


@pytest.mark.parametrize(("rate", "holds"), [(50.0, True), (49.0, False)])
def test_feeding_must_be_five_times_as_fast_as_training(monkeypatch, prepared_dir, rate, holds):
    rates = {"feeding": rate, "training_step": 10.0, "pyarrow_read": 99.0}
    monkeypatch.setattr(ingest_feeding.own_process, "measure", lambda *_: {"batches_per_second": rates})
    assert ingest_feeding.beside_the_step(prepared_dir)["holds"] == holds


@pytest.mark.parametrize(("peak", "seconds", "holds"), [(2.4e9, 239, True), (2.6e9, 9, False), (1e9, 241, False)])
def test_preparation_must_keep_both_limits(monkeypatch, log, peak, seconds, holds):
    measured = {"peak_memory_bytes": peak, "seconds": seconds, "process_seconds": seconds}
    monkeypatch.setattr(ingest_preparation.own_process, "measure", lambda *_: measured)
    assert ingest_preparation.beside_a_scan(log, log.parent / "nowhere")["holds"] == holds


def test_the_json_line_holds_both_parts_and_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(ingest_preparation, "beside_a_scan", lambda log, prepared: {"holds": log.is_file()})
    monkeypatch.setattr(ingest_feeding, "beside_the_step", lambda prepared: {"holds": False})
    result = json.loads(json.dumps(ingest.run(ingest.IngestBenchmarkConfig(1000, str(tmp_path)))))
    assert (result["preparation"]["holds"], result["feeding"]["holds"], result["holds"]) == (True, False, False)
    assert list(tmp_path.iterdir()) == []


def test_a_log_of_a_size_is_in_several_files_of_skewed_ids_that_hardly_compress(tmp_path):
    written = ingest_log.write_log_of_size(tmp_path, 1_000_000)
    # By hand: three texts of 32 digits, each with its length in 4 bytes, and two numbers of 8: 124 bytes a row.
    assert written == {"interactions": 8065, "queries": 403, "candidates": 80}
    files = sorted(tmp_path.iterdir())
    assert len(files) == 8
    assert 1_000_000 <= sum(file.stat().st_size for file in files) < 1_100_000
    table = pq.read_table(tmp_path)
    queries = collections.Counter(table["query_id"].to_pylist())
    (_, count), (_, next_count) = queries.most_common(2)
    assert (count, next_count < 60) == (pytest.approx(403, abs=80), True)
    assert len(set(table["note"].to_pylist())) == 8065
    digits = "".join(queries)
    assert (len(digits), set(digits)) == (32 * len(queries), set("0123456789abcdef"))
    # 32 digits are 16 bytes of chance; no compression takes less.
    assert len(zlib.compress("".join(table["note"].to_pylist()).encode(), 9)) > 16 * 8065


_SMALL = {"seconds": 2.0, "files": {"queries.parquet": "ab"}}


@pytest.mark.parametrize(
    ("limit", "of_spark", "holds"),
    [
        (200_000, {}, True),
        (9_000_000, {}, False),
        (200_000, {"files": {"queries.parquet": "ba"}}, False),
    ],
)
def test_spark_must_write_the_same_files_from_enough_bytes(monkeypatch, tmp_path, limit, of_spark, holds):
    def measured(_, *arguments):
        return {**_SMALL, **(of_spark if "spark" in arguments else {})}

    monkeypatch.setattr(ingest_spark, "_FEWEST_BYTES", limit)
    monkeypatch.setattr(own_process, "measure", measured)
    part = ingest_spark.beside_duckdb(tmp_path, num_bytes=200_000)
    assert (part["holds"], part["times_of_duckdb"]) == (holds, 1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.drill
def test_spark_with_a_driver_of_a_gibibyte_is_measured_beside_duckdb(monkeypatch, tmp_path):
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.sql.shuffle.partitions=2 pyspark-shell")
    part = ingest_spark.beside_duckdb(tmp_path, num_bytes=200_000)
    _, spark, duckdb = part["rows"]
    assert [each["interactions"] for each in part["rows"]] == [1613] * 3
    assert (part["files_are_identical"], part["holds"]) == (True, False)
    assert (spark["peak_memory_bytes_of_java"] > 100_000_000, duckdb["peak_memory_bytes_of_java"]) == (True, None)
    assert list(tmp_path.iterdir()) == []


def test_parts_that_are_unknown_or_need_another_are_refused():
    with pytest.raises(
        job.ConfigError, match="--ingest_parts must be some of preparation, feeding, spark, but 'sp' is"
    ):
        ingest.IngestBenchmarkConfig(parts=("sp",))
    with pytest.raises(job.ConfigError, match="--ingest_parts=feeding reads what `preparation` has written; name both"):
        ingest.IngestBenchmarkConfig(parts=("feeding", "spark"))


def test_spark_is_measured_alone_if_it_alone_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(ingest_spark, "beside_duckdb", lambda directory: {"holds": True})
    result = ingest.run(ingest.IngestBenchmarkConfig(1000, str(tmp_path), ("spark",)))
    assert {"spark": {"holds": True}, "holds": True}.items() <= result.items()
    assert "preparation" not in result


def test_too_short_a_log_is_refused():
    with pytest.raises(job.ConfigError, match="--ingest_interactions must be >= 1000, but is 999"):
        ingest.IngestBenchmarkConfig(999)
