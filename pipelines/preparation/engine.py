"""The relational engine that preparation runs on, reached through Ibis expressions.

Everything else in preparation is an Ibis expression, the same for every engine.
Rows stay in the engine and in Parquet files; only counts and single values come
back to Python.
"""

import abc
import concurrent.futures
import pathlib
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

import ibis.expr.types as ir
import tqdm

_POLL_SECONDS = 0.2
_SHOW_PROGRESS_AFTER_SECONDS = 10.0


class Engine(abc.ABC):
    """Reads sources, keeps intermediate tables on disk, writes sorted Parquet files.

    Every engine gives the same rows in the same order and of the same types; only float sums may differ, by 1e-9.
    """

    def __enter__(self) -> "Engine":
        return self

    @abc.abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Gives back what the engine holds; files stay."""

    @abc.abstractmethod
    def read_parquet(self, paths: Sequence[pathlib.Path], columns: Collection[str] | None = None) -> ir.Table:
        """Returns one table over files that hold the same columns, in any order.

        Args:
          paths: the files.
          columns: those that are read; others may differ from file to file, and are not in the table. `None` for all.
        """

    @abc.abstractmethod
    def read_csv(self, paths: Sequence[pathlib.Path], columns: Sequence[str], delimiter: str, role: str) -> ir.Table:
        """Returns one table of strings over files with a header; an empty field is null.

        Args:
          paths: files with the same header.
          columns: the names in the header.
          delimiter: between fields.
          role: the flag that named the files, for a sentence about a row that cannot be read.
        """

    @abc.abstractmethod
    def materialise(self, table: ir.Table, name: str) -> ir.Table:
        """Computes a table once, on disk, and returns it."""

    @abc.abstractmethod
    def write_parquet(self, table: ir.Table, path: pathlib.Path) -> None:
        """Writes a table into one file, in its order and with its types; the same rows give the same bytes."""

    @abc.abstractmethod
    def rows(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result, such as counts by reason, as one dict a row."""

    @abc.abstractmethod
    def rows_summed_in_order(self, table: ir.Table) -> list[dict[str, Any]]:
        """Returns a small result whose float sums have one order, and so the same value in every run."""


def run_with_progress(
    work: Callable[[], Any], doing: str, percentage: Callable[[], float], interrupt: Callable[[], None]
) -> Any:
    """Runs a statement beside this thread, which draws its progress and hears Ctrl-C.

    Args:
      work: the statement.
      doing: what is being done, for the bar.
      percentage: how much of it is done, in [0, 100].
      interrupt: makes `work` end soon, by an exception.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work)
        try:
            _show_progress(future, doing, percentage)
        except BaseException:
            # Again and again, since what has not begun yet cannot be interrupted.
            while not future.done():
                interrupt()
                concurrent.futures.wait([future], timeout=_POLL_SECONDS)
            raise
        return future.result()


def _show_progress(future: concurrent.futures.Future, doing: str, percentage: Callable[[], float]) -> None:
    # A log file gets a line every ten seconds, not five a second.
    interval = 0.1 if sys.stderr.isatty() else _SHOW_PROGRESS_AFTER_SECONDS
    with tqdm.tqdm(
        total=100, desc=doing, unit="%", delay=_SHOW_PROGRESS_AFTER_SECONDS, mininterval=interval, leave=False
    ) as bar:
        while not concurrent.futures.wait([future], timeout=_POLL_SECONDS).done:
            bar.update(max(0, int(percentage()) - bar.n))


def named(paths: Sequence[pathlib.Path]) -> str:
    """Returns how a sentence names files: the first, and how many more."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
