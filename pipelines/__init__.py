"""What runs, when, and on which files: jobs started from a command line."""

import contextlib
import os

# Importing tfrs_model selects Keras 2 before TensorFlow is imported. Where that is refused, every job
# that needs the model meets the same error at its own import; pipelines.doctor needs none of them, so
# it still starts, and explains.
with contextlib.suppress(ImportError):
    import tfrs_model  # noqa: F401

# TensorFlow's C++ side prints its own notes on stderr, among the lines of a job; its errors stay.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
