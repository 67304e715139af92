"""Prepares the film log on Spark, killed at one place after another, and compares what a second run publishes.

python -m tests.pipelines.killed_spark_preparations FOLDER [PLACE ...]

Without places it takes them all. Prints one line a place: how long Spark's Java process outlived
its parent. Each run is a fork of this process, which has imported everything and has no Java child.
"""

import itertools
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import psutil

from pipelines import publishing
from pipelines.preparation import record_batches, spark_engine, spark_session, stages
from tests.pipelines import killed_preparations

# Tables of a few rows in several parts all the same; and Java compiles only a little, which takes half as long here.
_SPARK = (
    "--conf spark.sql.shuffle.partitions=2 --conf spark.sql.adaptive.enabled=false "
    "--driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell"
)
_POLL_SECONDS = 0.001
_SECONDS_TO_END = 30.0


def _kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_beside(owner: object, name: str, meant: Callable[..., bool], is_before: bool) -> None:
    """Replaces a function by one that kills this process before or after the call that is meant."""
    work = getattr(owner, name)

    def watched(*arguments: object) -> object:
        if is_before and meant(*arguments):
            _kill()
        made = work(*arguments)
        if meant(*arguments):
            _kill()
        return made

    setattr(owner, name, watched)


def _kill_while_parts_are_written(name: str) -> None:
    """Kills when Spark has begun to write the first part of a table; where it is faster, just after the last."""
    write_parts = spark_engine.SparkEngine._write_parts

    def watch(parts: pathlib.Path) -> None:
        while not (list(parts.glob("_temporary/**/part-*")) or (parts / "_SUCCESS").exists()):
            time.sleep(_POLL_SECONDS)
        _kill()

    def watched(instance: spark_engine.SparkEngine, table: object, of: str) -> pathlib.Path:
        if of == name:
            threading.Thread(target=watch, args=(instance._scratch_dir / name,), daemon=True).start()
        return write_parts(instance, table, of)

    spark_engine.SparkEngine._write_parts = watched


def _kill_while_parts_are_joined(name: str) -> None:
    """Kills when the first part has been read, and the second is asked for."""
    join, of_files = spark_engine.DuckDbEngine.join_files, record_batches.of_files

    def first_and_then_dies(paths: list[pathlib.Path]) -> Iterator[object]:
        assert len(paths) > 1, paths
        yield from of_files(paths[:1])
        _kill()

    def watched(instance: object, parts: list[pathlib.Path], path: pathlib.Path) -> None:
        if path.name == name:
            record_batches.of_files = first_and_then_dies
        join(instance, parts, path)

    spark_engine.DuckDbEngine.join_files = watched


def _kill_with_half_a_file(name: str) -> None:
    join = spark_engine.DuckDbEngine.join_files

    def watched(instance: object, parts: list[pathlib.Path], path: pathlib.Path) -> None:
        join(instance, parts, path)
        if path.name == name:
            os.truncate(path, path.stat().st_size // 2)
            _kill()

    spark_engine.DuckDbEngine.join_files = watched


def _kill_before_joining(name: str) -> None:
    _kill_beside(spark_engine.DuckDbEngine, "join_files", lambda _, parts, path: path.name == name, is_before=True)


def _kill_after_stage(name: str) -> None:
    _kill_beside(stages.Stages, "run", lambda _, stage, *__: stage == name, is_before=False)


def _always(*_: object) -> bool:
    return True


# How each run is killed, and what goes on: a run with DuckDB, which is there while Java still ends, or one with Spark,
# either to its end; or one with Spark to the next place, where it is killed.
_PLACES: dict[str, tuple[Callable[[], None], str]] = {
    "after the start of Java": (
        lambda: _kill_beside(spark_session, "launch_gateway", _always, is_before=False),
        "duckdb",
    ),
    "in the middle of Spark's writing log": (lambda: _kill_while_parts_are_written("log"), "next place"),
    "before joining the parts of accepted.parquet": (lambda: _kill_before_joining("accepted.parquet"), "duckdb"),
    "in the middle of joining the parts of interactions.parquet": (
        lambda: _kill_while_parts_are_joined("interactions.parquet"),
        "next place",
    ),
    "in the middle of writing queries.parquet": (lambda: _kill_with_half_a_file("queries.parquet"), "duckdb"),
    "after stage queries": (lambda: _kill_after_stage("queries"), "spark"),
    "in the middle of Spark's writing parts_of_candidate_id.parquet": (
        lambda: _kill_while_parts_are_written("parts_of_candidate_id.parquet"),
        "next place",
    ),
    "before publishing": (lambda: _kill_beside(publishing, "_publish_once", _always, is_before=True), "duckdb"),
    "after the exchange": (lambda: _kill_beside(publishing, "_exchange", _always, is_before=False), "duckdb"),
}


def _prepare_on_spark(folder: pathlib.Path, place: str | None = None) -> None:
    if place is not None:
        _PLACES[place][0]()
    killed_preparations.prepare(folder, engine="spark", engine_memory_limit="1GiB")


def _started(work: Callable[..., None], *arguments: object) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def _java_processes(folder: pathlib.Path) -> list[psutil.Process]:
    """Returns those whose command line names the folder, as that of Spark names its directory for spilled rows."""
    return [each for each in psutil.process_iter(["cmdline"]) if f"{folder}/." in " ".join(each.info["cmdline"] or [])]


def _exit_code(process: multiprocessing.Process) -> int:
    """Returns it when the process has ended; negative if a signal ended it."""
    process.join()
    return process.exitcode


def _started_after(folder: pathlib.Path, place: str, next_place: str | None) -> multiprocessing.Process:
    if _PLACES[place][1] == "duckdb":
        return _started(killed_preparations.prepare, folder)
    return _started(_prepare_on_spark, folder, next_place)


def _killed(folder: pathlib.Path, places: Sequence[str]) -> list[float]:
    """Kills one run after another and has a last one publish; returns the seconds that Java outlived each."""
    run, seconds = _started(_prepare_on_spark, folder, places[0]), []
    for place, next_place in itertools.zip_longest(places, places[1:]):
        assert _exit_code(run) == -signal.SIGKILL, place
        killed_at = time.monotonic()
        orphans, run = _java_processes(folder), _started_after(folder, place, next_place)
        assert orphans, place
        _, alive = psutil.wait_procs(orphans, _SECONDS_TO_END)
        seconds.append(time.monotonic() - killed_at)
        assert not alive, (place, alive)
    assert _exit_code(run) == 0, places
    return seconds


def _require_as_undisturbed(folder: pathlib.Path, expected: dict[str, bytes], places: Sequence[str]) -> None:
    """Asserts what is published, and that neither a Java process nor a file is left of the runs."""
    found = killed_preparations.published(folder)
    assert found == expected, (places, sorted(set(found) ^ set(expected)))
    _, alive = psutil.wait_procs(_java_processes(folder), _SECONDS_TO_END)
    assert not alive, (places, alive)
    # Looked for when no process is left that could write anything.
    leftovers = sorted(path.name for path in folder.glob(".prepared*"))
    assert not leftovers, (places, leftovers)


def _sequences(places: Sequence[str]) -> Iterator[list[str]]:
    """Yields the places that follow each other in one folder, until a run publishes."""
    sequence: list[str] = []
    for place in places:
        sequence.append(place)
        if _PLACES[place][1] != "next place":
            yield sequence
            sequence = []
    assert not sequence, f"{sequence} has no place after it"


def main() -> None:
    os.environ["PYSPARK_SUBMIT_ARGS"] = _SPARK
    folder = pathlib.Path(sys.argv[1])
    other, undisturbed = folder / "other", folder / "undisturbed"
    killed_preparations.publish_other(other)
    assert killed_preparations.in_child(lambda: killed_preparations.prepare(undisturbed)) == 0
    expected = killed_preparations.published(undisturbed)
    for number, places in enumerate(_sequences(sys.argv[2:] or list(_PLACES))):
        run_in = folder / str(number)
        shutil.copytree(other, run_in)
        for place, seconds in zip(places, _killed(run_in, places), strict=True):
            print(f"{place}: Java ended after {seconds:.1f} s, went on: {_PLACES[place][1]}", flush=True)
        _require_as_undisturbed(run_in, expected, places)


if __name__ == "__main__":
    main()
