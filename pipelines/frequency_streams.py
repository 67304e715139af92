"""Streams of candidate ids whose sampling probabilities are known, to judge frequency estimates by.

Each batch is a function of (seed, step) alone, so any part of a stream can be drawn
on its own. A stream says by which error its estimates are judged.
"""

import abc
from collections.abc import Callable, Sequence

import numpy as np

from tfrs_model import seeds

# The simulation of Yi et al. (RecSys 2019, sec. 6.1).
NUM_IDS = 1000
BATCH_SIZE = 128
NUM_STEPS = 20_000
_SQUARES = np.arange(NUM_IDS, dtype=np.float64) ** 2

Law = Callable[[int], np.ndarray]


class Stream(abc.ABC):
    """Batches of the ids 0 .. num_ids - 1.

    Args:
      name: of the stream.
      num_ids: how many ids there are.
      batch_size: ids in a batch.
      num_steps: batches.
      seed: of every draw.
    """

    def __init__(self, name: str, num_ids: int, batch_size: int, num_steps: int, seed: int):
        self.name = name
        self.num_ids = num_ids
        self.batch_size = batch_size
        self.num_steps = num_steps
        self._seed = seeds.derive_seed(seed, f"frequency_stream/{name}")

    @abc.abstractmethod
    def probabilities(self, step: int) -> np.ndarray:
        """Returns `[num_ids]` float64: the law of the batch at this step, from 0."""

    @abc.abstractmethod
    def batch(self, step: int) -> np.ndarray:
        """Returns `[batch_size]` int64 ids of the batch at this step, from 0."""

    @abc.abstractmethod
    def error(self, estimate: np.ndarray, num_steps: int) -> float:
        """Judges `[num_ids]` expected counts read after `num_steps` batches, against the law of the last one."""

    def batches(self, first: int, last: int) -> np.ndarray:
        """Returns `[last - first, batch_size]` int64 ids of the batches first .. last - 1."""
        return np.stack([self.batch(step) for step in range(first, last)])

    def counts(self, num_steps: int) -> np.ndarray:
        """Returns `[num_ids]` int64: how often each id came in the first batches."""
        total = np.zeros(self.num_ids, np.int64)
        for step in range(num_steps):
            np.add.at(total, self.batch(step), 1)
        return total

    def expected_count(self, num_steps: int) -> np.ndarray:
        """Returns `[num_ids]` float64: true copies per batch, by the law of the last of `num_steps` batches."""
        return self.batch_size * self.probabilities(num_steps - 1)

    def _generator(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, step])


class DistinctIdStream(Stream):
    """Batches drawn without replacement, so that no id repeats inside one.

    Each next id is drawn in proportion to its probability among the rest. Judged by
    the distance of the counts, sum |estimate - truth| / (2 * batch_size). Exact
    inclusion probabilities do not score 0 but .023 under the squares of the paper:
    a popular id cannot come twice.

    Args:
      law: from a step to the probabilities, not normalised.
      is_known: from a number of steps to `[num_ids]` bool, which ids are judged; `None` judges all.
    """

    def __init__(
        self,
        name: str,
        num_ids: int,
        batch_size: int,
        num_steps: int,
        seed: int,
        law: Law,
        is_known: Law | None = None,
    ):
        super().__init__(name, num_ids, batch_size, num_steps, seed)
        self._law = law
        self._is_known = is_known

    def probabilities(self, step: int) -> np.ndarray:
        """Returns the law of a step."""
        weights = self._law(step)
        return weights / weights.sum()

    def batch(self, step: int) -> np.ndarray:
        """Returns the ids whose exponential clocks, as fast as the ids are likely, ring first."""
        times = self._generator(step).standard_exponential(self.num_ids)
        times /= np.maximum(self._law(step), 1e-300)
        return np.argpartition(times, self.batch_size)[: self.batch_size]

    def error(self, estimate: np.ndarray, num_steps: int) -> float:
        """Returns sum |estimate - truth| / (2 * batch_size) over the ids known so far."""
        difference = np.abs(estimate - self.expected_count(num_steps))
        if self._is_known is not None:
            difference = difference[self._is_known(num_steps)]
        return float(difference.sum() / (2 * self.batch_size))


class RepeatingIdStream(Stream):
    """Batches of independent draws from one Zipf law, with repeats.

    Judged by |log(estimate / truth)|, since that is what a softmax is corrected
    by: the mean weighted by the probabilities, or plain by `mean_log_error`.

    Args:
      exponent: id i has probability in proportion to (i + 1)^-exponent.
    """

    def __init__(self, name: str, num_ids: int, batch_size: int, num_steps: int, seed: int, exponent: float):
        super().__init__(name, num_ids, batch_size, num_steps, seed)
        weights = np.arange(1, num_ids + 1.0) ** -exponent
        self._probabilities = weights / weights.sum()
        self._cumulative = np.cumsum(self._probabilities)
        self._cumulative /= self._cumulative[-1]

    def probabilities(self, step: int) -> np.ndarray:
        """Returns the law, the same at every step."""
        del step
        return self._probabilities

    def batch(self, step: int) -> np.ndarray:
        """Returns independent draws, sorted: the search is much faster so, and order means nothing to an estimate."""
        draws = np.sort(self._generator(step).random(self.batch_size))
        return np.searchsorted(self._cumulative, draws, side="right")

    def error(self, estimate: np.ndarray, num_steps: int) -> float:
        """Returns the mean of |log(estimate / truth)|, each id weighted by its probability."""
        return float(self._absolute_log(estimate, num_steps) @ self._probabilities)

    def mean_log_error(self, estimate: np.ndarray, num_steps: int) -> float:
        """Returns the plain mean of |log(estimate / truth)| over the ids."""
        return float(self._absolute_log(estimate, num_steps).mean())

    def _absolute_log(self, estimate: np.ndarray, num_steps: int) -> np.ndarray:
        return np.abs(np.log(estimate / self.expected_count(num_steps)))


def stationary(seed: int, num_steps: int = NUM_STEPS) -> DistinctIdStream:
    """Probabilities in proportion to i^2, for ever."""
    return DistinctIdStream("stationary", NUM_IDS, BATCH_SIZE, num_steps, seed, lambda step: _SQUARES)


def switch(seed: int, num_steps: int = NUM_STEPS) -> DistinctIdStream:
    """The paper's: in proportion to i^2, and from half way on to (num_ids - 1 - i)^2."""
    half = num_steps // 2

    def law(step: int) -> np.ndarray:
        return _SQUARES if step < half else _SQUARES[::-1]

    return DistinctIdStream("switch", NUM_IDS, BATCH_SIZE, num_steps, seed, law)


def drift(seed: int, num_steps: int = NUM_STEPS) -> DistinctIdStream:
    """Every id swings by a factor e^1.5 to either side in 10,000 steps, each with a phase of its own."""
    generator = np.random.default_rng(seeds.derive_seed(seed, "frequency_stream/drift/law"))
    phase, level = generator.random(NUM_IDS), generator.normal(0.0, 0.5, NUM_IDS)

    def law(step: int) -> np.ndarray:
        return np.exp(level + 1.5 * np.sin(2.0 * np.pi * (step / 10_000 + phase)))

    return DistinctIdStream("drift", NUM_IDS, BATCH_SIZE, num_steps, seed, law)


def birth_and_death(seed: int, num_steps: int = NUM_STEPS, mean_life: float = 5000.0) -> DistinctIdStream:
    """1,000 ids live at a time, each for an exponential time; then a new one of weight uniform^2 follows.

    The error is over all ids born so far, the dead included.
    """
    generator = np.random.default_rng(seeds.derive_seed(seed, "frequency_stream/birth_and_death/law"))
    births, deaths = [], []
    for _ in range(NUM_IDS):
        birth = 0.0
        while birth < num_steps:
            births.append(birth)
            birth += generator.exponential(mean_life)
            deaths.append(birth)
    born, dead = np.array(births), np.array(deaths)
    weights = generator.random(len(born)) ** 2
    return DistinctIdStream(
        "birth_and_death",
        len(born),
        BATCH_SIZE,
        num_steps,
        seed,
        law=lambda step: np.where((born <= step) & (step < dead), weights, 0.0),
        is_known=lambda steps: born <= steps,
    )


def repeats(seed: int, num_steps: int = 2000) -> RepeatingIdStream:
    """1,000 ids, Zipf .8, 2,048 a batch: the commonest comes some hundred times in each."""
    return RepeatingIdStream("repeats", NUM_IDS, 2048, num_steps, seed, exponent=0.8)


def six_decades(seed: int, num_steps: int = 4000) -> RepeatingIdStream:
    """A million ids whose probabilities span six decades, Zipf 1, 1,024 a batch."""
    return RepeatingIdStream("six_decades", 1_000_000, 1024, num_steps, seed, exponent=1.0)


SIX: Sequence[Callable[[int], Stream]] = (stationary, switch, drift, birth_and_death, repeats, six_decades)
