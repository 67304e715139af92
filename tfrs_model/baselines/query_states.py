"""Queries as they stand when they ask: who they are and what they chose before."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfrs_model import row_lists


@dataclasses.dataclass(frozen=True)
class QueryStates:
    """Who asks; one query may ask several times, with a longer history each time.

    Attributes:
      query_rows: `[num_states]` integers, rows of the query table.
      history_begin: `[num_states]` integers, where the history of each begins in `sequence`.
      history_end: `[num_states]` integers, the position after its end.
      sequence: `[num_visible]` integers, candidate rows, each history from oldest to newest.
    """

    query_rows: np.ndarray
    history_begin: np.ndarray
    history_end: np.ndarray
    sequence: np.ndarray

    def __len__(self) -> int:
        return len(self.query_rows)

    def part(self, begin: int, end: int) -> "QueryStates":
        """Returns states `begin` to `end - 1`."""
        inside = slice(begin, end)
        return QueryStates(self.query_rows[inside], self.history_begin[inside], self.history_end[inside], self.sequence)

    def histories(self) -> Iterator[np.ndarray]:
        """Yields the `[history_length]` candidate rows of each state, oldest first; a row may come twice."""
        for begin, end in zip(self.history_begin, self.history_end, strict=True):
            yield self.sequence[begin:end]

    @property
    def history_lists(self) -> row_lists.RowLists:
        """The candidate rows of each state, oldest first, all in one array; a row may come twice."""
        return row_lists.RowLists.of_slices(self.sequence, self.history_begin, self.history_end)

    def chosen(self, num_candidates: int) -> tf.SparseTensor:
        """Returns `[num_states, num_candidates]` float32, 1 where a candidate is in a history, however often."""
        chosen = self.history_lists.distinct()
        places = np.stack([chosen.owners, chosen.rows], axis=1)
        return tf.SparseTensor(places, tf.ones([len(places)]), [len(self), num_candidates])
