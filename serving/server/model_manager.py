"""Keeps one model served: finds versions, loads the newest, drains and unloads the others.

The order never leaves a gap: a version is loaded and warmed up, then becomes
AVAILABLE, and only then is its predecessor taken out, and freed after its last
request. A version that fails to load never replaces one that serves; it is
tried again a few times, and the status carries its error.
"""

import collections
import dataclasses
import gc
import pathlib
import threading
import time
from collections.abc import Callable

from absl import logging

from serving import errors
from serving.server import servable, version_policy, version_status, warm_up

_SECONDS_BETWEEN_WAITING_LINES = 10.0


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """How one model is found and loaded.

    Attributes:
      model_name: name under which it is served.
      base_path: folder whose integer-named folders are versions.
      poll_wait_seconds: pause between looks at the base path; 0 looks once.
      max_num_load_retries: attempts after the first failed one.
      load_retry_interval_seconds: pause before each further attempt.
      enable_warm_up: whether the warm-up file of a version is replayed.
      tags: tag set of the MetaGraph to load.
    """

    model_name: str
    base_path: pathlib.Path
    poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_seconds: float = 60.0
    enable_warm_up: bool = True
    tags: tuple[str, ...] = servable.DEFAULT_TAGS


@dataclasses.dataclass
class _Failure:
    num_attempts: int
    retry_at: float | None  # On the monotonic clock; None: not again.


def load_version(options: ModelOptions, version: int, model_dir: pathlib.Path) -> servable.Servable:
    """Loads one version and warms it up.

    Raises:
      ServingError: if either fails; nothing stays loaded then.
    """
    model = servable.Servable.load(options.model_name, version, model_dir, options.tags)
    try:
        if options.enable_warm_up:
            warm_up.warm_up(model, model_dir)
    except errors.ServingError:
        model.close()
        raise
    return model


class ModelManager:
    """Serves the newest version of one model from a thread of its own.

    Attributes:
      model_name: name under which it is served.
    """

    def __init__(
        self,
        options: ModelOptions,
        load: Callable[[ModelOptions, int, pathlib.Path], servable.Servable] = load_version,
    ):
        self.model_name = options.model_name
        self._options = options
        self._load = load
        self._changed = threading.Condition()
        # All below is guarded by _changed; only the manager's thread writes it, except _num_leases.
        self._loaded: dict[int, servable.Servable] = {}
        self._retired: list[servable.Servable] = []
        self._num_leases: collections.Counter[servable.Servable] = collections.Counter()
        self._statuses: dict[int, version_status.VersionStatus] = {}
        self._failures: dict[int, _Failure] = {}
        self._on_disk: dict[int, pathlib.Path] = {}
        self._next_poll = 0.0
        self._next_waiting_line = 0.0
        self._waiting_reason = ""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"versions of {self.model_name}", daemon=True)

    def start(self) -> None:
        """Starts looking for versions; returns at once."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> bool:
        """Stops looking, waits for the requests under way and frees every version.

        Args:
          grace_seconds: longest wait, for requests and for a load under way.

        Returns:
          Whether all is freed; what is still in use after the grace time stays in memory.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(grace_seconds)
        with self._changed:
            self._retire(keep=None)
            self._changed.wait_for(lambda: not self._num_leases, grace_seconds)
        self._unload_drained()
        return not self._thread.is_alive() and not self._retired

    def wait_until_available(self, timeout_seconds: float) -> bool:
        """Waits until a version serves; returns whether one does.

        Raises:
          ServingError: if every version on disk failed for good.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._loaded or self._has_failed(), timeout_seconds)
            if not self._loaded and self._has_failed():
                newest = self._statuses[max(self._on_disk)]
                raise errors.FailedPreconditionError(
                    f"Model {self.model_name} did not become available: version {newest.version} could not be loaded "
                    f"({newest.error.code.name}: {newest.error}), and no other version could. "
                    f"Mend or remove the folders under {self._options.base_path}."
                )
            return bool(self._loaded)

    def acquire(self, version: int | None = None) -> servable.Servable | None:
        """Lends a version, the newest one by default; `None` if it is not available.

        Every version lent has to be given back with `release`.
        """
        with self._changed:
            if version is None:
                version = max(self._loaded, default=None)
            model = self._loaded.get(version)
            if model is not None:
                self._num_leases[model] += 1
            return model

    def release(self, model: servable.Servable) -> None:
        """Gives back what `acquire` lent."""
        with self._changed:
            self._num_leases[model] -= 1
            if not self._num_leases[model]:
                del self._num_leases[model]
                if model in self._retired or self._stopping:
                    self._changed.notify_all()

    def statuses(self) -> list[version_status.VersionStatus]:
        """Returns the status of every version ever seen, newest first."""
        with self._changed:
            return sorted(self._statuses.values(), key=lambda status: status.version, reverse=True)

    def _run(self) -> None:
        while True:
            self._poll()
            self._load_next()
            self._unload_drained()
            with self._changed:
                self._changed.wait_for(self._has_work, self._seconds_until_next_work())
                if self._stopping:
                    return

    def _has_work(self) -> bool:
        return self._stopping or any(model not in self._num_leases for model in self._retired)

    def _seconds_until_next_work(self) -> float | None:
        moments = [failure.retry_at for failure in self._failures.values() if failure.retry_at is not None]
        if self._options.poll_wait_seconds:
            moments.append(self._next_poll)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _poll(self) -> None:
        """Lists the versions on disk; if that fails, the last list stands and what is loaded keeps serving."""
        now = time.monotonic()
        if now < self._next_poll or (self._on_disk and not self._options.poll_wait_seconds):
            return
        self._next_poll = now + self._options.poll_wait_seconds
        try:
            on_disk = version_policy.list_versions(self._options.base_path)
        except OSError as error:
            self._say_waiting(f"cannot list {self._options.base_path}: {error.strerror}")
            return
        if not on_disk:
            self._say_waiting(f"no folder named by an integer under {self._options.base_path}")
            return
        with self._changed:
            self._on_disk = on_disk
            # A folder that went away and comes back is a new one, and deserves new attempts.
            self._failures = {version: failure for version, failure in self._failures.items() if version in on_disk}

    def _say_waiting(self, reason: str) -> None:
        if reason == self._waiting_reason and time.monotonic() < self._next_waiting_line:
            return
        self._waiting_reason = reason
        self._next_waiting_line = time.monotonic() + _SECONDS_BETWEEN_WAITING_LINES
        state = f"keeps serving version {max(self._loaded)}" if self._loaded else "waits for a version"
        logging.warning("Model %s %s: %s", self.model_name, state, reason)

    def _load_next(self) -> None:
        now = time.monotonic()
        loadable = {
            version: failure.retry_at is not None and failure.retry_at <= now
            for version, failure in self._failures.items()
        }
        version = version_policy.next_version_to_load(self._on_disk, self._loaded, loadable)
        if version is not None:
            self._try_to_load(version)
        with self._changed:
            newest = max(self._on_disk, default=None)
            if newest in self._loaded:
                self._retire(keep=newest)

    def _try_to_load(self, version: int) -> None:
        with self._changed:
            self._statuses[version] = version_status.VersionStatus(version, version_status.VersionState.LOADING)
        started = time.monotonic()
        try:
            model = self._load(self._options, version, self._on_disk[version])
        except errors.ServingError as error:
            self._note_failure(version, error)
            return
        except Exception as error:
            # Whatever a broken folder makes TensorFlow raise, the manager has to live on.
            logging.exception("Loading %s version %d failed in an unexpected way", self.model_name, version)
            self._note_failure(version, errors.InternalError(f"{type(error).__name__}: {error}"))
            return
        with self._changed:
            self._failures.pop(version, None)
            self._loaded[version] = model
            self._statuses[version] = version_status.VersionStatus(version, version_status.VersionState.AVAILABLE)
            self._changed.notify_all()
        logging.info("Loaded %s version %d in %.2f s", self.model_name, version, time.monotonic() - started)

    def _note_failure(self, version: int, error: errors.ServingError) -> None:
        with self._changed:
            previous = self._failures.get(version)
            num_attempts = previous.num_attempts + 1 if previous else 1
            is_last = num_attempts > self._options.max_num_load_retries
            retry_at = None if is_last else time.monotonic() + self._options.load_retry_interval_seconds
            self._failures[version] = _Failure(num_attempts, retry_at)
            state = version_status.VersionState.END if is_last else version_status.VersionState.LOADING
            self._statuses[version] = version_status.VersionStatus(version, state, error)
            serving = f"version {max(self._loaded)} keeps serving" if self._loaded else "no version serves"
            self._changed.notify_all()
        outlook = "giving up" if is_last else f"next attempt in {self._options.load_retry_interval_seconds:g} s"
        logging.error(
            "Could not load %s version %d (attempt %d of %d, %s; %s): %s: %s",
            *(self.model_name, version, num_attempts, self._options.max_num_load_retries + 1),
            *(outlook, serving, error.code.name, error),
        )

    def _has_failed(self) -> bool:
        """Returns whether there are versions and each has failed for good."""
        failures = [self._failures.get(version) for version in self._on_disk]
        return bool(failures) and all(failure is not None and failure.retry_at is None for failure in failures)

    def _retire(self, keep: int | None) -> None:
        for version in [version for version in self._loaded if version != keep]:
            self._retired.append(self._loaded.pop(version))
            self._statuses[version] = version_status.VersionStatus(version, version_status.VersionState.UNLOADING)

    def _unload_drained(self) -> None:
        with self._changed:
            drained = [model for model in self._retired if model not in self._num_leases]
            self._retired = [model for model in self._retired if model in self._num_leases]
        for model in drained:
            self._unload(model)
        if drained:
            # The Python graph of a session is full of cycles; its memory would stay until some later collection.
            drained.clear()
            del model
            gc.collect()

    def _unload(self, model: servable.Servable) -> None:
        model.close()
        with self._changed:
            # The same number may have come back meanwhile, and have a status of its own.
            if self._statuses[model.version].state is version_status.VersionState.UNLOADING:
                self._statuses[model.version] = version_status.VersionStatus(
                    model.version, version_status.VersionState.END
                )
        logging.info("Unloaded %s version %d", self.model_name, model.version)
