"""What baselines are fitted on: who chose what and when, as rows."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from scipy import sparse

# Counts of a block of candidates with all others: at most 256 MB with their places.
_MAX_NUMBERS_PER_BLOCK = 1 << 24


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

    def matrix(self) -> sparse.csr_array:
        """Returns `[num_queries, num_candidates]` float32, 1 where a query chose a candidate, else 0."""
        queries, candidates, _ = self.pairs()
        shape = (self.num_queries, self.num_candidates)
        return sparse.csr_array((np.ones(len(queries), np.float32), (queries, candidates)), shape)

    def chosen_together(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yields each candidate that was chosen, with those that its queries chose and how many of them did.

        The time grows with the sum of the squares of how much each query chose; the memory is bounded.

        Yields:
          A candidate row, ascending, `[num_together]` integers, candidate rows, ascending, itself among them, and
          `[num_together]` integers, how many queries chose both.
        """
        chosen = self.matrix().astype(np.int64)
        of_candidates = chosen.T.tocsr()
        size = max(1, _MAX_NUMBERS_PER_BLOCK // self.num_candidates)
        for begin in range(0, self.num_candidates, size):
            together = of_candidates[begin : begin + size] @ chosen
            together.sort_indices()
            for own, (first, last) in enumerate(itertools.pairwise(together.indptr), start=begin):
                if last > first:
                    yield own, together.indices[first:last], together.data[first:last]
