"""Which values have a row of their own from day to day: admission by count, expiry by age."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

_MICROSECONDS_PER_DAY = 86_400_000_000


class GrowthPolicyError(ValueError):
    """A number of the policy is out of its range; the message names it."""


@dataclasses.dataclass(frozen=True)
class VocabularyPolicy:
    """When a value gets a row of its own, and when it loses it.

    Attributes:
      admission_min_count: training interactions of all days together that a value needs for a row, >= 1; until then
        it is an unknown one, and waits with its count.
      expire_after_days: days of 24 hours without an interaction after which a value expires, >= 0; 0 for never. They
        end with the newest interaction of the log, so that a job run late expires nothing more; days between that the
        log has nothing of count as any other, so that after an outage of so many days all expires that does not come
        on the day after it.
      expire_below_count: what a value needs of all days together to be kept whatever its age, >= 0; 0 keeps none.

    Raises:
      GrowthPolicyError: if a number is out of its range, or there is a count for an expiry that never comes.
    """

    admission_min_count: int = 1
    expire_after_days: int = 0
    expire_below_count: int = 0

    def __post_init__(self) -> None:
        for name, least in (("admission_min_count", 1), ("expire_after_days", 0), ("expire_below_count", 0)):
            if getattr(self, name) < least:
                raise GrowthPolicyError(f"{name} must be >= {least}, but is {getattr(self, name)}.")
        if self.expire_below_count and not self.expire_after_days:
            raise GrowthPolicyError(
                f"expire_below_count is {self.expire_below_count}, but nothing expires with expire_after_days=0; give "
                "a number of days, or leave the count at 0."
            )

    def is_too_old(self, last_seen: int, now: int) -> bool:
        """Returns whether a value was not seen for `expire_after_days`; both times are microseconds UTC."""
        days = self.expire_after_days
        return bool(days) and now - last_seen >= days * _MICROSECONDS_PER_DAY


@dataclasses.dataclass(frozen=True)
class VocabularyEntries:
    """Values with what is known of each, in an order that is part of it.

    Attributes:
      values: without the empty string and without repeats.
      counts: `[num_values]` int64 training interactions.
      last_seen: `[num_values]` int64 microseconds UTC of the newest of them.
    """

    values: tuple[str, ...] = ()
    counts: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))
    last_seen: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.values)

    def as_dict(self) -> dict[str, tuple[int, int]]:
        """Returns count and newest time by value, in order."""
        numbers = zip(self.counts.tolist(), self.last_seen.tolist(), strict=True)
        return dict(zip(self.values, numbers, strict=True))

    @classmethod
    def from_dict(cls, entries: Mapping[str, tuple[int, int]]) -> "VocabularyEntries":
        """Returns the entries of what `as_dict` returns, in its order."""
        numbers = np.array(list(entries.values()), np.int64).reshape(-1, 2)
        return cls(tuple(entries), numbers[:, 0], numbers[:, 1])


@dataclasses.dataclass(frozen=True)
class GrownVocabulary:
    """What a vocabulary becomes.

    Attributes:
      known: those with a row: what stays of the old ones in their old order, then the new ones.
      waiting: those without one as yet, from the most frequent on.
      num_new: values that got a row.
      num_expired: values that lost it.
      num_forgotten: values that waited and were forgotten.
    """

    known: VocabularyEntries
    waiting: VocabularyEntries
    num_new: int
    num_expired: int
    num_forgotten: int


def grow_vocabulary(
    known: VocabularyEntries, waiting: VocabularyEntries, seen: VocabularyEntries, policy: VocabularyPolicy, now: int
) -> GrownVocabulary:
    """Adds what a day's training interactions carried, and drops by policy what is no longer seen.

    New ones come after the old, from the most frequent on, equal counts in the order of their code points. A value that
    expires is forgotten with its count: when it comes back it is new. With `admission_min_count=2`, a known {a: 5},
    a waiting {b: 1} and a day of {b: 1, c: 1}, b gets a row behind a, and c waits.

    Args:
      known: the vocabulary before.
      waiting: what had too few interactions before.
      seen: what the new training interactions carried; counts of these alone.
      policy: when values come and go.
      now: the newest training interaction, microseconds UTC.
    """
    new_sightings = seen.as_dict()
    old = _with_sightings(known.as_dict(), new_sightings, known.values)
    without_row = dict.fromkeys((*waiting.values, *(value for value in seen.values if value not in old)))
    candidates = _with_sightings(waiting.as_dict(), new_sightings, without_row)
    kept = {value: each for value, each in old.items() if not _expires(each, policy, now)}
    fresh = {value: each for value, each in candidates.items() if not policy.is_too_old(each[1], now)}
    admitted = _in_order({value: each for value, each in fresh.items() if each[0] >= policy.admission_min_count})
    still_waiting = _in_order({value: each for value, each in fresh.items() if value not in admitted})
    return GrownVocabulary(
        known=VocabularyEntries.from_dict({**kept, **admitted}),
        waiting=VocabularyEntries.from_dict(still_waiting),
        num_new=len(admitted),
        num_expired=len(old) - len(kept),
        num_forgotten=len(candidates) - len(fresh),
    )


def _with_sightings(
    before: Mapping[str, tuple[int, int]], seen: Mapping[str, tuple[int, int]], values: Iterable[str]
) -> dict[str, tuple[int, int]]:
    """Returns count and newest time of the values, of before and of what was seen together."""
    never = (0, np.iinfo(np.int64).min)
    pairs = ((value, before.get(value, never), seen.get(value, never)) for value in values)
    return {value: (a[0] + b[0], max(a[1], b[1])) for value, a, b in pairs}


def _expires(entry: tuple[int, int], policy: VocabularyPolicy, now: int) -> bool:
    count, last_seen = entry
    is_rare = not policy.expire_below_count or count < policy.expire_below_count
    return is_rare and policy.is_too_old(last_seen, now)


def _in_order(entries: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return dict(sorted(entries.items(), key=lambda item: (-item[1][0], item[0])))
