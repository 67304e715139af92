"""Chooses Keras 2 before TensorFlow is imported, or says what to set."""

import os
import sys

_ENV_VAR = "TF_USE_LEGACY_KERAS"

# TensorFlow 2.20 compares with exactly these; any other spelling, "TRUE" included, means Keras 3 to it.
_CHOOSES_KERAS_2 = ("1", "true", "True")


class KerasVersionError(ImportError):
    """Keras 3 is chosen in this process, and TensorFlow Recommenders needs Keras 2."""


def select_keras_2() -> None:
    """Makes `tf.keras` mean Keras 2 (the `tf-keras` package) in this process.

    TensorFlow reads `TF_USE_LEGACY_KERAS` more than once: while it is imported,
    for `import tensorflow.keras` and the optimizer registry, and again when
    `tf.keras`, `tf.losses`, `tf.metrics`, `tf.optimizers` and `tf.initializers`
    are each touched first. Set in between, it leaves a process with layers of one
    Keras and optimizers of the other, so the choice has to stand before the import
    and stay until the end.

    Raises:
      KerasVersionError: if the environment asks for Keras 3, or TensorFlow was imported under such an environment.
    """
    value = os.environ.get(_ENV_VAR, "")
    tensorflow = sys.modules.get("tensorflow")
    if value and value not in _CHOOSES_KERAS_2:
        raise KerasVersionError(
            f"TensorFlow Recommenders needs Keras 2, but {_ENV_VAR}={value!r} means Keras 3 to TensorFlow. "
            f"Set {_ENV_VAR}=1, or unset it before Python starts."
        )
    if tensorflow is None:
        os.environ[_ENV_VAR] = "1"
        return
    if not getattr(tensorflow, "_tf_uses_legacy_keras", False):
        raise KerasVersionError(
            "TensorFlow Recommenders needs Keras 2, but TensorFlow was imported first and chose Keras 3. "
            f"Import tfrs_model (or serving, pipelines) before tensorflow, or set {_ENV_VAR}=1 in the environment."
        )
    if not value:
        raise KerasVersionError(
            f"TensorFlow Recommenders needs Keras 2, but {_ENV_VAR} was removed after TensorFlow was imported, and "
            "TensorFlow reads it again later. Leave it at 1 until the process ends."
        )
