"""A manager over a real folder, for the tests of what it does."""

import numpy as np

from serving.server import model_manager, model_options, version_loader


class Managers:
    """Starts managers of the model `tiny` over a folder, polling often and trying each version once."""

    def __init__(self, base_path):
        self._base_path = base_path
        self._managers = []

    def __call__(self, load=version_loader.load_version, **options):
        defaults = {"poll_wait_seconds": 0.01, "max_num_load_retries": 0, "load_retry_interval_seconds": 0.0}
        settings = model_options.ModelOptions("tiny", self._base_path, **{**defaults, **options})
        manager = model_manager.ModelManager(settings, load)
        self._managers.append(manager)
        manager.start()
        return manager

    def stop(self):
        for manager in self._managers:
            manager.stop(grace_seconds=5.0)


def answer(manager, version=None):
    """Returns what the model answers 0 with."""
    model = manager.acquire(version)
    try:
        return float(model.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0])
    finally:
        manager.release(model)


def states(manager):
    return {status.version: status.state.name for status in manager.statuses()}


def error_of(manager, version):
    return next(status.error for status in manager.statuses() if status.version == version)
