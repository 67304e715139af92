"""The values of a checkpoint, found by the place that a variable has in another object of the same shape."""

import collections
import os

import numpy as np
import tensorflow as tf

from pipelines import model_directory

# What a run has learned; beside it a checkpoint has the run's own history and stamp.
_LEARNED = ("model/", "optimizer/")
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


class CheckpointValues:
    """Reads single values of a checkpoint, where restoring would want every variable of the shape it had.

    Args:
      root: what is checkpointed now, with the attributes that the checkpoint's root had.
      path: of the checkpoint.

    Raises:
      ModelDirectoryError: if the checkpoint is damaged or gone.
    """

    def __init__(self, root: tf.train.Checkpoint, path: str | os.PathLike[str]):
        self._path = os.fspath(path)
        self._variables, self._keys = _variables_and_keys(root)
        with model_directory.readable(path):
            self._reader = tf.train.load_checkpoint(self._path)

    @property
    def variables(self) -> list[tf.Variable]:
        """All variables under the root's model and optimizer, those included that are no weights."""
        return [each for each in self._variables if self._keys[id(each)].startswith(_LEARNED)]

    def value(self, variable: tf.Variable) -> np.ndarray:
        """Returns what the variable of the same place had.

        Raises:
          ModelDirectoryError: if there was none, or the checkpoint is damaged.
        """
        key = self._keys[id(variable)]
        if not self._reader.has_tensor(key):
            raise model_directory.ModelDirectoryError(
                f"Checkpoint {self._path} has no {key.removesuffix(_SUFFIX)!r}: it was written by another version or "
                "with other options, and cannot be continued; train afresh."
            )
        with model_directory.readable(self._path):
            return np.asarray(self._reader.get_tensor(key))


def _variables_and_keys(root: tf.train.Checkpoint) -> tuple[list[tf.Variable], dict[int, str]]:
    """Returns the variables, and by identity the key of each: the shortest way to it, as TensorFlow names it."""
    view = tf.train.TrackableView(root)
    found, variables, keys = {id(root): ""}, [], {}
    waiting = collections.deque([root])
    while waiting:
        parent = waiting.popleft()
        for name, child in view.children(parent).items():
            if id(child) in found:
                continue
            found[id(child)] = f"{found[id(parent)]}/{name.replace('.', '..').replace('/', '.S')}"
            waiting.append(child)
            if isinstance(child, tf.Variable):
                variables.append(child)
                keys[id(child)] = found[id(child)].removeprefix("/") + _SUFFIX
    return variables, keys
