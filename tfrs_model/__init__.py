"""Two-tower candidate retrieval on TensorFlow Recommenders: tensors in, tensors out.

TensorFlow Recommenders needs Keras 2. Importing this package selects it, and
therefore has to come before `import tensorflow`; importing it does not load
TensorFlow itself.
"""

from tfrs_model import keras_backend as _keras_backend
from tfrs_model.version import __version__

_keras_backend.select_keras_2()

__all__ = ["__version__"]
