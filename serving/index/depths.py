"""What an index does for answers of different depths: a table for each setting that rises in steps."""

import math
from collections.abc import Sequence

import tensorflow as tf

from serving.index import candidate_index

_STEP = 4
# To find more than a hundredth of a corpus, nearly all leaves have to be read; scoring everything is cheaper then.
_DEEPEST_SHARE = 0.01
# No request searches deeper, unless it asks for more.
MAX_DEPTH = 20_000
# Somewhat deeper answers, such as those with a few exclusions, are searched for like those of the depth itself.
_SLACK = 1.25


def depths_of(k: int, num_candidates: int) -> tuple[int, ...]:
    """Returns the depths that an index is tuned for: k, and steps from there to a hundredth of the corpus.

    At least one step, so that exclusions and filters find room beside k.
    """
    depths = [min(k, num_candidates)]
    wanted = max(min(int(num_candidates * _DEEPEST_SHARE), MAX_DEPTH), _STEP * depths[0])
    deepest = min(wanted, num_candidates)
    while depths[-1] * _STEP < deepest:
        depths.append(depths[-1] * _STEP)
    return (*depths, deepest) if depths[-1] < deepest else tuple(depths)


def grown(depths: Sequence[int], value: int, most: int) -> list[int]:
    """Returns a value for each depth, by a rule of thumb: it grows with the square root of the depth."""
    return [min(math.ceil(value * math.sqrt(depth / depths[0])), most) for depth in depths]


class SettingByDepth:
    """A setting of an index: up to each depth one value, since how it has to grow is a matter of the vectors.

    Args:
      name: of the setting.
      depths: rising.
      least: the smallest value that makes sense, by depth.
      most: the largest, by depth.
      values: what it is until it is tuned, by depth.
    """

    def __init__(
        self, name: str, depths: Sequence[int], least: Sequence[int], most: Sequence[int], values: Sequence[int]
    ):
        self._name = name
        self._depths = tuple(depths)
        self._least = list(least)
        self._most = list(most)
        self.values = list(values)

    def table(self) -> dict[str, int]:
        """Returns the values by depth, as a JSON object."""
        return {str(depth): value for depth, value in zip(self._depths, self.values, strict=True)}

    def efforts(self) -> list[candidate_index.Effort]:
        """Returns what can be tuned for each depth."""
        limits = zip(self._depths, self._least, self._most, strict=True)
        return [
            candidate_index.Effort(
                f"{self._name}_{depth}",
                least,
                most,
                lambda value, at=at: self._set(at, value),
                depth,
                lambda at=at: self.values[at],
            )
            for at, (depth, least, most) in enumerate(limits)
        ]

    def of(self, num_rows: tf.Tensor | int) -> tf.Tensor | int:
        """Returns the value for an answer of so many rows; beyond the last depth that of the last."""
        return self.at(self.place_of(num_rows))

    def place_of(self, num_rows: tf.Tensor | int) -> tf.Tensor | int:
        """Returns where an answer of so many rows stands among the depths; settings by the same depths share it."""
        if len(self._depths) == 1:
            return 0
        limits = [math.floor(_SLACK * depth) for depth in self._depths[:-1]]
        return tf.reduce_sum(tf.cast(num_rows > tf.constant(limits), tf.int32))

    def at(self, place: tf.Tensor | int) -> tf.Tensor | int:
        """Returns the value at a place among the depths."""
        return self.values[0] if len(self._depths) == 1 else tf.gather(tf.constant(self.values), place)

    def _set(self, at: int, value: int) -> None:
        if not self._least[at] <= value <= self._most[at]:
            raise candidate_index.CandidateIndexError(
                f"{self._name} for {self._depths[at]} candidates must be between {self._least[at]} and "
                f"{self._most[at]}, but is {value}."
            )
        self.values[at] = value
