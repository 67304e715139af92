"""Programs that measure: each prints one JSON line and compares with a peer or a limit in the same run."""

# Selects Keras 2, before a benchmark imports TensorFlow.
import tfrs_model  # noqa: F401
