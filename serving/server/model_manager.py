"""Keeps one model served: finds versions, loads those that are to serve, drains and unloads the others.

The order never leaves a gap: a version is loaded and warmed up, then becomes
AVAILABLE, and only then is its predecessor taken out, and freed after its last
request. A version that fails to load never replaces one that serves; it is
tried again a few times, and the status carries its error.
"""

import collections
import contextlib
import gc
import pathlib
import threading
import time

from absl import logging

from serving import errors
from serving.server import (
    load_attempts,
    model_options,
    repeated_warning,
    servable,
    version_loader,
    version_policy,
    version_status,
)

# On the monotonic clock: moments of the next look at the disk.
_AT_ONCE, _NEVER = 0.0, float("inf")


class ModelManager:
    """Serves the versions of one model that its policy wants, from a thread of its own.

    Attributes:
      model_name: name under which it is served.
      base_path: where its versions are.

    Args:
      options: how the model is found and loaded.
      load: loads and warms up a version.
      load_slot: held while a version is loaded; shared by managers that must not all load at once.
      unload_slot: held while a version is freed, likewise.
    """

    def __init__(
        self,
        options: model_options.ModelOptions,
        load: version_loader.Load = version_loader.load_version,
        load_slot: contextlib.AbstractContextManager | None = None,
        unload_slot: contextlib.AbstractContextManager | None = None,
    ):
        self.model_name = options.model_name
        self.base_path = options.base_path
        self._options = options
        self._load = load
        self._load_slot = load_slot or contextlib.nullcontext()
        self._unload_slot = unload_slot or contextlib.nullcontext()
        self._changed = threading.Condition()
        # All below is guarded by _changed; others than the manager's thread write _num_leases, _policy and _is_closing.
        self._policy = options.policy
        self._attempts = load_attempts.LoadAttempts(options.max_num_load_retries, options.load_retry_interval_seconds)
        self._loaded: dict[int, servable.Servable] = {}
        self._retired: list[servable.Servable] = []
        self._num_leases: collections.Counter[servable.Servable] = collections.Counter()
        self._statuses = version_status.VersionStatuses()
        self._on_disk: dict[int, pathlib.Path] = {}
        # Loaded versions whose folders went away: what comes back under the same number is another.
        self._replaced: set[int] = set()
        self._next_poll = _AT_ONCE
        self._waiting = repeated_warning.RepeatedWarning()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name=f"versions of {self.model_name}", daemon=True)

    def start(self) -> None:
        """Starts looking for versions; returns at once."""
        self._thread.start()

    def set_policy(self, policy: version_policy.VersionPolicy) -> None:
        """Has other versions serve from now on; what is wanted no longer stays until something wanted serves."""
        with self._changed:
            self._policy = policy
            self._next_poll = _AT_ONCE
            self._changed.notify_all()

    def close(self) -> None:
        """Lends no version from now on, and frees each after its last request; returns at once."""
        with self._changed:
            self._is_closing = True
            self._retire(list(self._loaded))
            self._changed.notify_all()

    def stop(self, grace_seconds: float) -> bool:
        """Closes, and waits for the requests under way.

        Args:
          grace_seconds: longest wait, for requests and for a load under way.

        Returns:
          Whether all is freed; what is still in use after the grace time stays in memory.
        """
        self.close()
        if self._thread.is_alive():
            self._thread.join(grace_seconds)
        return not self._thread.is_alive()

    def wait_until_available(self, timeout_seconds: float, is_retried: bool = True) -> bool:
        """Waits until every version that is to serve was tried and one serves; returns whether that is so.

        Args:
          timeout_seconds: longest wait.
          is_retried: whether to wait for further attempts where the first failed.

        Raises:
          ServingError: if every version that might serve failed for good, or for the first time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_settled() or self._has_failed(is_retried), timeout_seconds)
            if not self._loaded and self._has_failed(is_retried):
                newest = version_policy.to_load(self._policy, self._on_disk, ())[0]
                raise self._attempts.failure_of(self.model_name, newest, self.base_path)
            return self._has_settled()

    def acquire(self, version: int | None = None) -> servable.Servable | None:
        """Lends a version, the newest one by default; `None` if it is not available.

        Every version lent has to be given back with `release`.
        """
        with self._changed:
            model = self._loaded.get(max(self._loaded, default=None) if version is None else version)
            if model is not None:
                self._num_leases[model] += 1
            return model

    def is_available(self, version: int) -> bool:
        """Returns whether a version serves."""
        return version in self._loaded

    def is_alive(self) -> bool:
        """Returns whether the manager still looks for versions, or has some to free."""
        return self._thread.is_alive()

    def release(self, model: servable.Servable) -> None:
        """Gives back what `acquire` lent."""
        with self._changed:
            self._num_leases[model] -= 1
            if not self._num_leases[model]:
                del self._num_leases[model]
                if model in self._retired:
                    self._changed.notify_all()

    def statuses(self) -> list[version_status.VersionStatus]:
        """Returns the status of every version ever seen, newest first."""
        with self._changed:
            return self._statuses.newest_first()

    def _run(self) -> None:
        while not self._is_closing:
            self._poll()
            has_tried = self._load_next()
            self._unload_drained()
            # After one version there may be another to load.
            if not has_tried:
                with self._changed:
                    self._changed.wait_for(self._has_work, self._seconds_until_next_work())
        while self._retired:
            self._unload_drained()
            with self._changed:
                self._changed.wait_for(lambda: not self._retired or self._has_drained())

    def _has_work(self) -> bool:
        return self._is_closing or self._has_drained() or self._next_poll == _AT_ONCE

    def _has_drained(self) -> bool:
        return any(model not in self._num_leases for model in self._retired)

    def _seconds_until_next_work(self) -> float | None:
        moment = min(self._next_poll, self._attempts.next_retry_at(self._to_load()))
        return None if moment == _NEVER else max(0.0, moment - time.monotonic())

    def _poll(self) -> None:
        """Lists the versions on disk; if that fails, the last list stands and what is loaded keeps serving."""
        now = time.monotonic()
        with self._changed:
            if now < self._next_poll:
                return
            pause = self._options.poll_wait_seconds
            self._next_poll = now + pause if pause else _NEVER
        try:
            on_disk = version_policy.list_versions(self._options.base_path)
        except OSError as error:
            self._say_waiting(f"cannot list {self._options.base_path}: {error.strerror}")
            return
        self._replaced |= self._loaded.keys() - on_disk.keys()
        if not on_disk:
            self._say_waiting(f"no folder named by an integer under {self._options.base_path}")
        with self._changed:
            self._on_disk = on_disk
            self._attempts.forget_all_but(on_disk)
            self._statuses.end_absent(on_disk)

    def _say_waiting(self, reason: str) -> None:
        state = f"keeps serving version {max(self._loaded)}" if self._loaded else "waits for a version"
        self._waiting.say(f"Model {self.model_name} {state}: {reason}")

    def _to_load(self) -> list[int]:
        return version_policy.to_load(self._policy, self._on_disk, self._loaded.keys() - self._replaced)

    def _load_next(self) -> bool:
        """Loads a version if one is due; returns whether one was."""
        with self._changed:
            self._retire_unwanted()
            due = [] if self._is_closing else self._attempts.due(self._to_load())
        if due:
            self._try_to_load(due[0])
        return bool(due)

    def _try_to_load(self, version: int) -> None:
        with self._changed:
            if self._is_closing:
                return
            started = time.monotonic()
            self._statuses.set(version, version_status.VersionState.LOADING)
        try:
            with self._load_slot:
                if self._is_closing:
                    return
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
            self._attempts.forget(version)
            if version in self._loaded:
                self._retired.append(self._loaded[version])
            self._replaced.discard(version)
            self._loaded[version] = model
            self._statuses.set(version, version_status.VersionState.AVAILABLE)
            self._retire_unwanted()
            self._changed.notify_all()
        logging.info("Loaded %s version %d in %.2f s", self.model_name, version, time.monotonic() - started)

    def _note_failure(self, version: int, error: errors.ServingError) -> None:
        with self._changed:
            outlook = self._attempts.note_failure(version, error)
            is_last = self._attempts.have_failed(version, is_retried=True)
            state = version_status.VersionState.END if is_last else version_status.VersionState.LOADING
            self._statuses.set(version, state, error)
            serving = f"version {max(self._loaded)} keeps serving" if self._loaded else "no version serves"
            self._changed.notify_all()
        place = f"{self.model_name} version {version} ({outlook}; {serving})"
        logging.error("Could not load %s: %s: %s", place, error.code.name, error)

    def _has_settled(self) -> bool:
        wanted = self._policy.wanted(self._on_disk)
        return bool(self._loaded) and all(
            version in self._loaded or self._attempts.have_failed(version) for version in wanted
        )

    def _has_failed(self, is_retried: bool) -> bool:
        """Returns whether there are versions that might serve and each has failed, for good if it is retried."""
        candidates = version_policy.to_load(self._policy, self._on_disk, ())
        return bool(candidates) and all(self._attempts.have_failed(version, is_retried) for version in candidates)

    def _retire_unwanted(self) -> None:
        wanted = self._policy.wanted(self._on_disk)
        self._retire(list(self._loaded) if self._is_closing else version_policy.no_longer_wanted(wanted, self._loaded))

    def _retire(self, versions: list[int]) -> None:
        for version in versions:
            self._retired.append(self._loaded.pop(version))
            self._statuses.set(version, version_status.VersionState.UNLOADING)

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
        with self._unload_slot:
            model.close()
        with self._changed:
            # The same number may have come back meanwhile, and have a status of its own.
            if self._statuses.state_of(model.version) is version_status.VersionState.UNLOADING:
                self._statuses.set(model.version, version_status.VersionState.END)
        logging.info("Unloaded %s version %d", self.model_name, model.version)
