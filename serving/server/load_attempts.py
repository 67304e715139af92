"""Which versions failed to load, how often, and when each is to be tried again."""

import dataclasses
import pathlib
import time
from collections.abc import Collection, Iterable

from serving import errors


@dataclasses.dataclass(frozen=True)
class _Failure:
    """The last failed attempt to load a version.

    Attributes:
      num_attempts: how many failed so far.
      retry_at: when the next one is due, on the monotonic clock; `None` for never.
      error: of the last one.
    """

    num_attempts: int
    retry_at: float | None
    error: errors.ServingError


class LoadAttempts:
    """Counts failed attempts, version by version.

    Args:
      max_num_retries: attempts after the first failed one.
      retry_interval_seconds: pause before each of them.
    """

    def __init__(self, max_num_retries: int, retry_interval_seconds: float):
        self._max_num_attempts = max_num_retries + 1
        self._retry_interval_seconds = retry_interval_seconds
        self._failures: dict[int, _Failure] = {}

    def note_failure(self, version: int, error: errors.ServingError) -> str:
        """Counts a failed attempt; returns in words which it was and what comes next."""
        number = self._failures[version].num_attempts + 1 if version in self._failures else 1
        is_last = number >= self._max_num_attempts
        retry_at = None if is_last else time.monotonic() + self._retry_interval_seconds
        self._failures[version] = _Failure(number, retry_at, error)
        outlook = "giving up" if is_last else f"next attempt in {self._retry_interval_seconds:g} s"
        return f"attempt {number} of {self._max_num_attempts}, {outlook}"

    def failure_of(self, model_name: str, newest: int, base_path: pathlib.Path) -> errors.FailedPreconditionError:
        """Returns the error of a model of which no version could be loaded, its newest failing as is known."""
        error = self._failures[newest].error
        return errors.FailedPreconditionError(
            f"Model {model_name} did not become available: version {newest} could not be loaded ({error.code.name}: "
            f"{error}), and no other version could. Mend or remove the folders under {base_path}."
        )

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

    def next_retry_at(self, versions: Iterable[int]) -> float:
        """Returns when the next attempt for one of the versions is due, on the monotonic clock; infinity for never."""
        failures = [self._failures[version] for version in versions if version in self._failures]
        return min((each.retry_at for each in failures if each.retry_at is not None), default=float("inf"))
