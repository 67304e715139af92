"""What people are shown for a candidate id: the table that an export carries beside its model."""

import bisect
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving import errors, signatures

# As `pipelines.export --display_columns` writes it, inside the folder of a version.
PATH = pathlib.PurePath("assets.extra", "display.parquet")
_ID = signatures.CANDIDATE_ID
_MOST_CHARACTERS = 300
_CUT = "…"


class DisplayTable:
    """The columns that are shown, by candidate id; a corpus of millions stays in Arrow's memory.

    Ids are found by bisection in their order: 4 bytes a row, where a dictionary of Python objects takes 200.

    Attributes:
      columns: names of what is shown, the first is the title.
    """

    def __init__(self, table: pa.Table):
        """Sorts the ids.

        Args:
          table: with a column `candidate_id`, and others.
        """
        table = table.filter(pc.is_valid(table[_ID]))
        self.columns = [name for name in table.column_names if name != _ID]
        # 32-bit offsets hold 2 GiB of text in one piece.
        self._ids = table[_ID].cast(pa.large_string()).combine_chunks()
        order = pc.sort_indices(self._ids).to_numpy()
        self._order = order.astype(np.uint32 if len(order) <= np.iinfo(np.uint32).max else np.uint64)
        self._shown = table.select(self.columns)

    def rows(self, candidate_ids: Sequence[str]) -> list[list[Any] | None]:
        """Returns the values of each candidate in order of `columns`; `None` for one that is not in the table."""
        return [self._row(each) for each in candidate_ids]

    def _row(self, candidate_id: str) -> list[Any] | None:
        # Arrow sorts by bytes of UTF-8 and Python compares code points, which is the same order.
        place = bisect.bisect_left(self._order, candidate_id, key=self._id_at)
        if place == len(self._order) or self._id_at(self._order[place]) != candidate_id:
            return None
        return [_as_json(column[int(self._order[place])].as_py()) for column in self._shown.columns]

    def _id_at(self, row: np.integer) -> str:
        return self._ids[int(row)].as_py()


def read(model_dir: pathlib.Path) -> DisplayTable | None:
    """Returns the table of a version; `None` if it has none.

    Raises:
      DataLossError: if there is a file that cannot be read as such a table.
    """
    path = model_dir / PATH
    if not path.exists():
        return None
    try:
        # One thread: the others are the models'.
        table = pq.read_table(path, use_threads=False)
        if _ID not in table.column_names:
            raise errors.DataLossError(
                f"{path} must have a column {_ID}, but has {', '.join(table.column_names)}; export again."
            )
        return DisplayTable(table)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise errors.DataLossError(f"{path} cannot be read ({reason}); export again.") from error


def _as_json(value: Any) -> Any:
    """Returns a value as JSON has it, long texts cut; what JSON has no form for becomes its text."""
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # What is no number was missing.
        return value if np.isfinite(value) else None
    text = str(value)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + _CUT
