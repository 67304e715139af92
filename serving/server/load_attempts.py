"""Which versions failed to load, how often, and when each is to be tried again."""

import dataclasses
import time
from collections.abc import Collection, Iterable


@dataclasses.dataclass(frozen=True)
class Failure:
    """The last failed attempt to load a version.

    Attributes:
      num_attempts: how many failed so far.
      retry_at: when the next one is due, on the monotonic clock; `None` for never.
    """

    num_attempts: int
    retry_at: float | None


class LoadAttempts:
    """Counts failed attempts, version by version.

    Args:
      max_num_retries: attempts after the first failed one.
      retry_interval_seconds: pause before each of them.
    """

    def __init__(self, max_num_retries: int, retry_interval_seconds: float):
        self.max_num_attempts = max_num_retries + 1
        self._retry_interval_seconds = retry_interval_seconds
        self._failures: dict[int, Failure] = {}

    def note_failure(self, version: int) -> Failure:
        """Counts a failed attempt; returns what is known of the version now."""
        num_attempts = self._failures[version].num_attempts + 1 if version in self._failures else 1
        is_last = num_attempts >= self.max_num_attempts
        retry_at = None if is_last else time.monotonic() + self._retry_interval_seconds
        self._failures[version] = Failure(num_attempts, retry_at)
        return self._failures[version]

    def forget(self, version: int) -> None:
        """Starts anew with a version."""
        self._failures.pop(version, None)

    def forget_all_but(self, versions: Collection[int]) -> None:
        """Starts anew with all other versions: a folder that went away and comes back deserves new attempts."""
        self._failures = {version: failure for version, failure in self._failures.items() if version in versions}

    def have_failed(self, version: int, is_retried: bool = False) -> bool:
        """Returns whether a version failed; with `is_retried`, whether it did so for good."""
        failure = self._failures.get(version)
        return failure is not None and (failure.retry_at is None or not is_retried)

    def due(self, versions: Iterable[int]) -> list[int]:
        """Returns those of the versions that may be tried now, in the same order."""
        now = time.monotonic()
        failures = ((version, self._failures.get(version)) for version in versions)
        return [
            version
            for version, failure in failures
            if failure is None or (failure.retry_at is not None and failure.retry_at <= now)
        ]

    def next_retry_at(self) -> float:
        """Returns when the next attempt is due, on the monotonic clock; infinity for never."""
        moments = [failure.retry_at for failure in self._failures.values() if failure.retry_at is not None]
        return min(moments, default=float("inf"))
