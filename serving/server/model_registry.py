"""The models that a server serves, by name, and how a request finds its version."""

import contextlib
from collections.abc import Iterable, Iterator

from tensorflow_serving.apis import model_pb2

from serving import errors
from serving.server import model_manager, servable, version_status


class ModelRegistry:
    """Resolves a ModelSpec to a loaded version, for every protocol alike."""

    def __init__(self, managers: Iterable[model_manager.ModelManager]):
        self._managers = {manager.model_name: manager for manager in managers}

    @contextlib.contextmanager
    def lease(self, model_spec: model_pb2.ModelSpec) -> Iterator[servable.Servable]:
        """Lends the version that `model_spec` asks for; it stays loaded until the block ends.

        Args:
          model_spec: name, and optionally a version; without one the newest that is available.

        Raises:
          ServingError: if there is no such model or version now.
        """
        version = _version(model_spec)
        manager = self._managers.get(model_spec.name)
        loaded = manager.acquire(version) if manager else None
        if manager is None or loaded is None:
            wanted = f"Latest({model_spec.name})" if version is None else f"Specific({model_spec.name}, {version})"
            raise errors.NotFoundError(f"Servable not found for request: {wanted}")
        try:
            yield loaded
        finally:
            manager.release(loaded)

    def statuses(self, model_spec: model_pb2.ModelSpec) -> list[version_status.VersionStatus]:
        """Returns what is known of the versions asked for, newest first.

        Raises:
          ServingError: if the model or the version was never seen.
        """
        version = _version(model_spec)
        manager = self._managers.get(model_spec.name)
        statuses = manager.statuses() if manager else []
        if version is not None:
            statuses = [status for status in statuses if status.version == version]
            if not statuses:
                raise errors.NotFoundError(f"Could not find version {version} of model {model_spec.name}")
        if not statuses:
            raise errors.NotFoundError(f"Could not find any versions of model {model_spec.name}")
        return statuses


def _version(model_spec: model_pb2.ModelSpec) -> int | None:
    if not model_spec.name:
        raise errors.InvalidArgumentError("ModelSpec has no name specified.")
    if model_spec.WhichOneof("version_choice") == "version_label":
        raise errors.InvalidArgumentError(f"Unrecognized servable version label: {model_spec.version_label}")
    return model_spec.version.value if model_spec.HasField("version") else None
