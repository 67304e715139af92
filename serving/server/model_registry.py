"""The models that a server serves, by name: how a request finds its version, and how they are replaced as a whole."""

import functools
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from absl import logging
from tensorflow_serving.apis import model_pb2, prediction_log_pb2

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import lent_version, metrics, model_config, model_manager, version_status

_SECONDS_BETWEEN_CHECKS = 0.1


_Sampled = Callable[[model_config.RequestLogging | None], Callable[[prediction_log_pb2.PredictionLog], None] | None]


class _Serving(NamedTuple):
    """What is served at one moment, by name: managers, versions by label, and how requests are logged."""

    managers: Mapping[str, model_manager.ModelManager]
    labels: Mapping[str, Mapping[str, int]]
    logging: Mapping[str, model_config.RequestLogging | None]

    def version(self, model_spec: model_pb2.ModelSpec) -> int | None:
        """Returns the version that is asked for, `None` for the newest.

        Raises:
          InvalidArgumentError: if no model is named, or the label is not one of the model's.
        """
        if model_spec.WhichOneof("version_choice") == "version_label":
            label = model_spec.version_label
            if label not in self.labels.get(model_spec.name, {}):
                raise errors.InvalidArgumentError(f"Unrecognized servable version label: {label}")
            return self.labels[model_spec.name][label]
        return model_spec.version.value if model_spec.HasField("version") else None


class ModelRegistry:
    """Resolves a ModelSpec to a loaded version, for every protocol alike.

    A reload is applied as a whole: what it adds is loaded beside what serves, and only when all of it answers the
    names change over, at once. If anything is wrong with it, nothing changes.

    Args:
      make_manager: returns the manager of a model, not started yet.
      may_label_unavailable: whether a label that is not in use may be given to a version that does not serve yet.
      max_request_rows: most rows of an input of a request; 0 for any.
      counted_by: learns of every run.
      sampled: draws whether a request is logged, see `RequestLog.sampled`.
      request_logging: returns how requests of a model are logged whose configuration does not say.
    """

    def __init__(
        self,
        make_manager: Callable[[model_config.ModelConfig], model_manager.ModelManager],
        may_label_unavailable: bool = False,
        max_request_rows: int = 0,
        counted_by: metrics.Metrics | None = None,
        sampled: _Sampled = lambda config: None,
        request_logging: Callable[[str], model_config.RequestLogging | None] = lambda model_name: None,
    ):
        self._make_manager = make_manager
        self._may_label_unavailable = may_label_unavailable
        self._max_request_rows = max_request_rows
        self._metrics = counted_by or metrics.Metrics()
        self._sampled = sampled
        self._request_logging = request_logging
        self._reloading = threading.Lock()
        # Replaced as a whole, never changed, so that readers need no lock.
        self._serving = _Serving({}, {}, {})
        # Guards what follows, and that nothing is served or begun once the registry is stopping.
        self._lock = threading.Lock()
        self._is_stopping = False
        self._joining: list[model_manager.ModelManager] = []
        self._left: list[model_manager.ModelManager] = []

    def start(self, models: Sequence[model_config.ModelConfig], is_stopped: Callable[[], bool]) -> bool:
        """Loads the first models and waits until each serves a version; an empty base path is waited for.

        Args:
          models: what to serve.
          is_stopped: asked while waiting; true gives up.

        Returns:
          Whether all serve now.

        Raises:
          ServingError: if one cannot be loaded.
        """
        managers = {model.name: self._make_manager(model) for model in models}
        self._serving = _Serving(managers, {}, self._logging(models))
        for manager in managers.values():
            manager.start()
        if not _wait_for(managers.values(), is_stopped, is_retried=True):
            return False
        self._serving = self._serving._replace(labels=self._checked_labels(models, managers))
        return True

    def reload(self, models: Sequence[model_config.ModelConfig]) -> None:
        """Serves these models from now on: adds, moves and removes, and gives labels, all of it or nothing.

        Raises:
          ServingError: if a part is wrong, or the server is stopping; what served before goes on.
        """
        with self._reloading:
            model_config.require_versions(models)
            before = self._serving.managers
            kept = {
                model.name: before[model.name]
                for model in models
                if model.name in before and before[model.name].base_path == model.base_path
            }
            added = {model.name: self._make_manager(model) for model in models if model.name not in kept}
            self._join(added.values())
            try:
                if not _wait_for(added.values(), lambda: self._is_stopping, is_retried=False):
                    raise _shutting_down()
                labels = self._checked_labels(models, kept | added)
                self._publish(_Serving(kept | added, labels, self._logging(models)))
            except BaseException:
                self._leave(added.values())
                raise
            for model in models:
                if model.name in kept:
                    kept[model.name].set_policy(model.policy)
            self._leave([manager for name, manager in before.items() if name not in kept])
            logging.info("Now serving %s", ", ".join(sorted(kept | added)) or "no model")

    def stop(self, grace_seconds: float) -> bool:
        """Frees every model, also those of a reload under way, which is refused.

        Args:
          grace_seconds: longest wait for requests and loads under way.

        Returns:
          Whether all is freed.
        """
        with self._lock:
            self._is_stopping = True
            managers = {*self._serving.managers.values(), *self._joining, *self._left}
        for manager in managers:
            manager.close()
        are_freed = [manager.stop(grace_seconds) for manager in managers]
        return all(are_freed)

    @property
    def model_names(self) -> list[str]:
        """Names of the models that are served, in order."""
        return sorted(self._serving.managers)

    def knows(self, model_name: str) -> bool:
        """Returns whether a model of this name is served."""
        return model_name in self._serving.managers

    def lease(
        self,
        model_spec: model_pb2.ModelSpec,
        api: str = "Predict",
        deadline: float | None = None,
        cancellation: cancellation_lib.Cancellation | None = None,
    ) -> lent_version.LentVersion:
        """Lends the version that `model_spec` asks for, as a context manager; it stays loaded until the block ends.

        Args:
          model_spec: name, and optionally a version or a label; without one the newest that is available.
          api: what it is wanted for, see `LentVersion`.
          deadline: of the request, on the monotonic clock; `None` for none.
          cancellation: tells when nobody waits for the answer any more; `None` if nobody can say.

        Raises:
          ServingError: if there is no such model or version now.
        """
        if not model_spec.name:
            raise errors.InvalidArgumentError("ModelSpec has no name specified.")
        loaded, serving = None, None
        # A reload may have moved the model, or a label of it, meanwhile; then once more.
        while loaded is None and serving is not self._serving:
            serving = self._serving
            version = serving.version(model_spec)
            manager = serving.managers.get(model_spec.name)
            loaded = manager.acquire(version) if manager else None
        if loaded is None:
            wanted = f"Latest({model_spec.name})" if version is None else f"Specific({model_spec.name}, {version})"
            raise errors.NotFoundError(f"Servable not found for request: {wanted}")
        return lent_version.LentVersion(
            loaded,
            api,
            deadline,
            cancellation,
            self._max_request_rows,
            self._metrics,
            functools.partial(self._sampled, serving.logging.get(model_spec.name)),
            functools.partial(manager.release, loaded),
        )

    def versions(self) -> dict[tuple[str, str, str], int]:
        """Returns 1 for each model name, version and state that is known, for the metrics."""
        return {
            (manager.model_name, str(status.version), status.state.name): 1
            for manager in self._serving.managers.values()
            for status in manager.statuses()
        }

    def statuses(self, model_spec: model_pb2.ModelSpec) -> list[version_status.VersionStatus]:
        """Returns what is known of the versions asked for, newest first.

        Raises:
          ServingError: if the model or the version was never seen.
        """
        serving = self._serving
        version = serving.version(model_spec)
        known = {manager.model_name: manager for manager in self._left} | dict(serving.managers)
        statuses = known[model_spec.name].statuses() if model_spec.name in known else []
        if version is not None:
            statuses = [status for status in statuses if status.version == version]
            if not statuses:
                raise errors.NotFoundError(f"Could not find version {version} of model {model_spec.name}")
        if not statuses:
            raise errors.NotFoundError(f"Could not find any versions of model {model_spec.name}")
        return statuses

    def _checked_labels(
        self, models: Sequence[model_config.ModelConfig], managers: Mapping[str, model_manager.ModelManager]
    ) -> dict[str, Mapping[str, int]]:
        for model in models:
            for label, version in model.labels.items():
                in_use = self._serving.labels.get(model.name, {}).get(label, version)
                if self._may_label_unavailable and in_use == version:
                    continue
                if not managers[model.name].is_available(version):
                    raise errors.FailedPreconditionError(
                        f"Request to assign label to version {version} of model {model.name}, which is not currently "
                        "available for inference"
                    )
        return {model.name: model.labels for model in models}

    def _logging(self, models: Sequence[model_config.ModelConfig]) -> dict[str, model_config.RequestLogging | None]:
        return {model.name: model.request_logging or self._request_logging(model.name) for model in models}

    def _join(self, managers: Collection[model_manager.ModelManager]) -> None:
        with self._lock:
            if self._is_stopping:
                raise _shutting_down()
            self._joining = list(managers)
        for manager in managers:
            manager.start()

    def _publish(self, serving: "_Serving") -> None:
        with self._lock:
            if self._is_stopping:
                raise _shutting_down()
            self._serving, self._joining = serving, []

    def _leave(self, managers: Collection[model_manager.ModelManager]) -> None:
        """Closes managers; they free their versions after the last request, and their statuses can still be asked."""
        for manager in managers:
            manager.close()
        names = {manager.model_name for manager in managers}
        with self._lock:
            self._joining = []
            left = [each for each in self._left if each.model_name not in names or each.is_alive()]
            self._left = left + list(managers)


def _shutting_down() -> errors.UnavailableError:
    return errors.UnavailableError("The server is shutting down and changes no models any more.")


def _wait_for(managers: Sequence[model_manager.ModelManager], is_stopped: Callable[[], bool], is_retried: bool) -> bool:
    for manager in managers:
        while not manager.wait_until_available(_SECONDS_BETWEEN_CHECKS, is_retried):
            if is_stopped():
                return False
    return True
