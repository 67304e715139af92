"""Selects Keras 2 and quiets TensorFlow before any test imports it."""

import os

from tfrs_model import keras_backend

keras_backend.select_keras_2()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
