"""The interactions that a split trains on or asks for, with everything that was visible before each."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipelines import interaction_rows
from tfrs_model.baselines import query_states

# What the examples of a split share.
_OF_ALL = ("sequence", "sequence_timestamps", "context")


@dataclasses.dataclass(frozen=True)
class Examples:
    """The interactions of one split, with everything that was visible before each.

    Positions are int32, and int64 in a log of more than two thousand million interactions.

    Attributes:
      query_rows: `[num_examples]` int32 rows of the query table.
      candidate_rows: `[num_examples]` int32 rows of the corpus.
      weights: `[num_examples]` float32.
      timestamps: `[num_examples]` int64 microseconds UTC.
      history_begin: `[num_examples]` first position of the query in `sequence`.
      history_end: `[num_examples]` position after the last strictly earlier interaction.
      sequence: `[num_visible]` int32 corpus rows, query after query, oldest first.
      sequence_timestamps: `[num_visible]` int64 microseconds UTC.
      own_position: on a log without time, `[num_examples]` position of each example in `sequence`, which its history
        leaves out, or `history_end` of one that is held out; then an example reads a part of its history that is
        drawn. `None` on a log with time, where it reads the last of it.
      context: by input name, the `[num_examples]` values of context features.
    """

    query_rows: np.ndarray
    candidate_rows: np.ndarray
    weights: np.ndarray
    timestamps: np.ndarray
    history_begin: np.ndarray
    history_end: np.ndarray
    sequence: np.ndarray
    sequence_timestamps: np.ndarray
    own_position: np.ndarray | None = None
    context: Mapping[str, pa.ChunkedArray] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.query_rows)

    @property
    def states(self) -> query_states.QueryStates:
        """Who asks, and what each chose before."""
        return query_states.QueryStates(self.query_rows, self.history_begin, self.history_end, self.sequence)

    def take(self, rows: np.ndarray) -> "Examples":
        """Returns the examples at these positions; what is visible stays the same."""
        per_example = [f.name for f in dataclasses.fields(self) if f.name not in _OF_ALL]
        if self.own_position is None:
            per_example.remove("own_position")
        context = {name: interaction_rows.take(column, rows) for name, column in self.context.items()}
        return dataclasses.replace(self, context=context, **{name: getattr(self, name)[rows] for name in per_example})
