"""Lists of corpus rows, one for each question, in one array."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class RowLists:
    """Lists of corpus rows, such as the targets of each question, or what each is not to be answered with.

    Attributes:
      rows: `[num_rows]` int64, list after list.
      splits: `[num_lists + 1]` int64; list i is `rows[splits[i]:splits[i + 1]]`.
    """

    rows: np.ndarray
    splits: np.ndarray

    @classmethod
    def of_one(cls, rows: np.ndarray) -> "RowLists":
        """Returns lists of one row each."""
        return cls(rows, np.arange(len(rows) + 1))

    @classmethod
    def empty(cls, num_lists: int) -> "RowLists":
        """Returns lists of no rows."""
        return cls(np.zeros([0], np.int64), np.zeros([num_lists + 1], np.int64))

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> "RowLists":
        """Returns the same lists in one array."""
        return cls(np.array([row for rows in lists for row in rows], np.int64), np.cumsum([0, *map(len, lists)]))

    @classmethod
    def of_slices(cls, rows: np.ndarray, begin: np.ndarray, end: np.ndarray) -> "RowLists":
        """Returns the lists `rows[begin[i]:end[i]]`, which may overlap."""
        lengths = end - begin
        splits = np.concatenate([[0], np.cumsum(lengths)])
        return cls(rows[np.arange(splits[-1]) + np.repeat(begin - splits[:-1], lengths)], splits)

    def __len__(self) -> int:
        return len(self.splits) - 1

    @property
    def lengths(self) -> np.ndarray:
        """`[num_lists]` how many rows each list has."""
        return np.diff(self.splits)

    @property
    def owners(self) -> np.ndarray:
        """`[num_rows]` the list that each row belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def bounds(self, position: int) -> slice:
        """Returns where in `rows` one of the lists is."""
        return slice(self.splits[position], self.splits[position + 1])

    def __getitem__(self, lists: slice) -> "RowLists":
        """Returns neighbouring lists."""
        begin, end, _ = lists.indices(len(self))
        splits = self.splits[begin : max(begin, end) + 1]
        return RowLists(self.rows[splits[0] : splits[-1]], splits - splits[0])

    def distinct(self) -> "RowLists":
        """Returns the same lists with each row once, ascending."""
        num_rows = int(self.rows.max(initial=0)) + 1
        keys = np.unique(self.owners * num_rows + self.rows)
        lengths = np.bincount(keys // num_rows, minlength=len(self))
        return RowLists(keys % num_rows, np.concatenate([[0], np.cumsum(lengths)]))

    def take(self, lists: np.ndarray) -> "RowLists":
        """Returns the lists at these positions."""
        return RowLists.of_slices(self.rows, self.splits[lists], self.splits[lists + 1])
