"""Selects Keras 2 before a test of this folder imports TensorFlow."""

from tfrs_model import keras_backend

keras_backend.select_keras_2()
