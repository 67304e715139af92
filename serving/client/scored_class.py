"""What classify answers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ScoredClass:
    """One class of one example.

    Attributes:
      label: its name, empty where the signature answers scores alone.
      score: its float32 score, 0 where the signature answers labels alone.
    """

    label: str
    score: float
