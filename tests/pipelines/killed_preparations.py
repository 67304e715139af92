"""Prepares the film log again and again, killed at one place after another, and compares what a second run publishes.

python -m tests.pipelines.killed_preparations FOLDER

Prints one line a place. Run as a program of its own, since it forks, which a process with
an engine's threads must not do.
"""

import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator

import pyarrow.parquet as pq

from pipelines import prepare_data, publishing
from pipelines.preparation import conversion, day_partitions, duckdb_engine, stages
from tests.pipelines import film_log

_OPTIONS = {"min_count": 2, "day_partitions": True}


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Places:
    """Counts the places that a run passes, and kills it at one of them; without a number it lists them."""

    def __init__(self, number: int | None = None):
        self._number = number
        self.passed: list[str] = []

    def passes(self, place: str, before_kill: Callable[[], None] = lambda: None) -> None:
        self.passed.append(place)
        if len(self.passed) - 1 == self._number:
            before_kill()
            _kill()

    def watch(self) -> None:
        """Stops at every write, half done, at both ends of every stage, and around publishing."""
        self._watch_files()
        self._watch_conversions_and_days()
        self._watch_both_ends()

    def _watch_files(self) -> None:
        write_parquet, replace = duckdb_engine.DuckDbEngine.write_parquet, os.replace

        def watched_write(instance: duckdb_engine.DuckDbEngine, table: object, path: pathlib.Path) -> None:
            write_parquet(instance, table, path)
            self._passes_half(path, path)

        def watched_replace(written: pathlib.Path, path: pathlib.Path) -> None:
            self._passes_half(written, path)
            replace(written, path)

        duckdb_engine.DuckDbEngine.write_parquet, os.replace = watched_write, watched_replace

    def _watch_conversions_and_days(self) -> None:
        close_day, convert = day_partitions._close, conversion._convert

        def watched_conversion(source: object, schema: object, targets: list[pathlib.Path], advance: object) -> object:
            columns = convert(source, schema, targets, advance)
            self._passes_half(targets[-1], targets[-1])
            return columns

        def watched_day(writer: pq.ParquetWriter | None) -> None:
            close_day(writer)
            if writer is not None:
                self._passes_half(pathlib.Path(writer.where), pathlib.Path(writer.where))

        day_partitions._close, conversion._convert = watched_day, watched_conversion

    def _watch_both_ends(self) -> None:
        def watched(work: Callable, name_of: Callable) -> Callable:
            def watched_work(*arguments: object) -> object:
                self.passes(f"before {name_of(*arguments)}")
                made = work(*arguments)
                self.passes(f"after {name_of(*arguments)}")
                return made

            return watched_work

        stages.Stages.run = watched(stages.Stages.run, lambda instance, name, *_: f"stage {name}")
        publishing._publish_once = watched(publishing._publish_once, lambda *_: "publishing")
        publishing._exchange = watched(publishing._exchange, lambda *_: "the exchange")

    def _passes_half(self, written: pathlib.Path, path: pathlib.Path) -> None:
        name = f"in the middle of writing {path.name}"
        self.passes(name, lambda: os.truncate(written, written.stat().st_size // 2))


def in_child(work: Callable[[], None]) -> int:
    """Returns the exit code of a forked process, negative if a signal ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepare(folder: pathlib.Path, **options: object) -> None:
    """Prepares the film log, with one table in a format that is converted first."""
    config = film_log.config(folder, **_OPTIONS, **options)
    users = film_log.write_table(folder / "users.jsonl", film_log.USERS)
    prepare_data.run(dataclasses.replace(config, queries=users))


def _prepare_passing(folder: pathlib.Path, places: _Places) -> None:
    places.watch()
    prepare(folder)


def publish_other(folder: pathlib.Path) -> None:
    """Publishes what the runs that are killed will replace, each in a copy of the folder."""
    assert in_child(lambda: prepare_data.run(film_log.config(folder))) == 0


def _list_places(folder: pathlib.Path) -> list[str]:
    def work() -> None:
        places = _Places()
        _prepare_passing(folder, places)
        (folder / "places.txt").write_text("\n".join(places.passed))

    assert in_child(work) == 0
    return (folder / "places.txt").read_text().splitlines()


def published(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns every published file, the manifest without the folder of the sources, which it names."""
    contents = film_log.contents(folder / "prepared")
    return {name: content.replace(str(folder).encode(), b"FOLDER") for name, content in contents.items()}


def _killed(folder: pathlib.Path, other: pathlib.Path, expected: dict[str, bytes], places: list[str]) -> Iterator[str]:
    for number, place in enumerate(places):
        run_in = folder / str(number)
        shutil.copytree(other, run_in)
        code = in_child(lambda run_in=run_in, number=number: _prepare_passing(run_in, _Places(number)))
        assert code == -signal.SIGKILL, (place, code)
        assert in_child(lambda run_in=run_in: prepare(run_in)) == 0, place
        found = published(run_in)
        assert found == expected, (place, sorted(set(found) ^ set(expected)))
        leftovers = sorted(path.name for path in run_in.glob(".prepared*"))
        assert not leftovers, (place, leftovers)
        yield place


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    other, undisturbed = folder / "other", folder / "undisturbed"
    publish_other(other)
    shutil.copytree(other, undisturbed)
    places = _list_places(undisturbed)
    for place in _killed(folder, other, published(undisturbed), places):
        print(place, flush=True)


if __name__ == "__main__":
    main()
