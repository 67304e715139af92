"""What baselines are fitted on: who chose what and when, as rows."""

import dataclasses

import numpy as np


class InteractionsError(ValueError):
    """Interactions that nothing can be fitted on; the message says which rule they break."""


@dataclasses.dataclass(frozen=True)
class Interactions:
    """Positives of training, in any order; the same pair may be there several times.

    Attributes:
      query_rows: `[num_interactions]` integers in [0, `num_queries`).
      candidate_rows: `[num_interactions]` integers in [0, `num_candidates`).
      timestamps: `[num_interactions]` int64 microseconds UTC.
      weights: `[num_interactions]` float32, finite and >= 0.
      num_queries: rows of the query table.
      num_candidates: rows of the corpus.

    Raises:
      InteractionsError: if there are none, the columns differ in length, a row is out of range or a weight is no
        weight.
    """

    query_rows: np.ndarray
    candidate_rows: np.ndarray
    timestamps: np.ndarray
    weights: np.ndarray
    num_queries: int
    num_candidates: int

    def __post_init__(self) -> None:
        lengths = [len(each) for each in (self.query_rows, self.candidate_rows, self.timestamps, self.weights)]
        if len(set(lengths)) > 1 or not lengths[0]:
            raise InteractionsError(
                "Query rows, candidate rows, timestamps and weights must be as many, at least one of each, but are "
                f"{', '.join(map(str, lengths))}."
            )
        for name, rows, limit in (
            ("Query", self.query_rows, self.num_queries),
            ("Candidate", self.candidate_rows, self.num_candidates),
        ):
            if rows.min() < 0 or rows.max() >= limit:
                raise InteractionsError(
                    f"{name} rows must be in [0, {limit}), but are from {rows.min()} to {rows.max()}."
                )
        if not (np.isfinite(self.weights).all() and np.min(self.weights) >= 0.0):
            raise InteractionsError("Every weight must be finite and >= 0, but some are not; mend them in the log.")

    def __len__(self) -> int:
        return len(self.query_rows)

    @property
    def counts(self) -> np.ndarray:
        """`[num_candidates]` int64, how often each candidate was chosen; weights do not count."""
        return np.bincount(self.candidate_rows, minlength=self.num_candidates)

    def pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns each chosen pair once, with the sum of its weights.

        Returns:
          `[num_pairs]` int64 query rows, ascending, `[num_pairs]` int64 candidate rows, ascending for each query, and
          `[num_pairs]` float64 weights.
        """
        keys = self.query_rows.astype(np.int64) * self.num_candidates + self.candidate_rows
        pairs, inverse = np.unique(keys, return_inverse=True)
        weights = np.bincount(inverse, weights=self.weights, minlength=len(pairs))
        return pairs // self.num_candidates, pairs % self.num_candidates, weights
