"""The same answer for everybody: what was chosen most often of late."""

import dataclasses

import numpy as np

from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import popularity

_MICROSECONDS_PER_DAY = 24 * 3600 * 1_000_000


@dataclasses.dataclass(frozen=True)
class RecentPopularity:
    """Ranks by how often a candidate was chosen in the last days before the newest interaction.

    Popularity without a window is a weaker opponent where tastes change (Ji et al., "A re-visit of the popularity
    baseline in recommender systems", SIGIR 2020). A log without time is of one moment, and all of it is recent.

    Attributes:
      num_days: length of the window, > 0; its older end is left out.

    Raises:
      InteractionsError: if the window is empty.
    """

    num_days: float

    def __post_init__(self) -> None:
        if not self.num_days > 0:
            raise interactions_lib.InteractionsError(f"A window must be > 0 days long, but is {self.num_days}.")

    def fit(self, interactions: interactions_lib.Interactions) -> popularity.SameForAll:
        """Counts the interactions of the window."""
        newest = interactions.timestamps.max()
        is_recent = interactions.timestamps > newest - self.num_days * _MICROSECONDS_PER_DAY
        rows = interactions.candidate_rows[is_recent]
        return popularity.SameForAll(np.bincount(rows, minlength=interactions.num_candidates))
