"""Selects Keras 2 and quiets TensorFlow before any test imports it; lets Ctrl-C through."""

import os
import signal

from tfrs_model import keras_backend

keras_backend.select_keras_2()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A shell that starts the tests in the background has them and their children ignore Ctrl-C, which some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)
