"""Tries, in a process of their own, the imports that can bring a process down.

An extension built for another TensorFlow ends in an undefined symbol, one built
for another CPU in an illegal instruction, and neither can be caught where it
happens. So each is tried in a child, `python -m pipelines.import_probes`, which
says before each try what it tries.
"""

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable

from pipelines import version_matrix
from pipelines.version_matrix import Check

_TIMEOUT_SECONDS = 180
_WORKS = "works"

# Starts each line that the child means for its parent; packages may print on the same stream.
_MARK = "probe: "


class ProbeError(RuntimeError):
    """Something was imported, but is not what it should be."""


def _tensorflow() -> str:
    import tensorflow as tf

    tf.linalg.matmul(tf.ones([4, 4]), tf.ones([4, 4]))
    return tf.__version__


def _keras() -> str:
    import tensorflow as tf
    import tf_keras

    if tf.keras.Model is not tf_keras.Model:
        raise ProbeError("tf.keras is Keras 3")
    return tf_keras.__version__


def _tensorflow_recommenders() -> str:
    import tensorflow_recommenders

    return tensorflow_recommenders.__version__.lstrip("v")


def _scann_ops() -> str:
    import numpy as np
    import scann

    vectors = np.eye(8, dtype=np.float32)
    searcher = scann.scann_ops.builder(vectors, 1, "dot_product").score_brute_force().build()
    nearest = searcher.search_batched(vectors)[0].numpy()[:, 0].tolist()
    if nearest != list(range(8)):
        raise ProbeError(f"the nearest rows of 8 unit vectors came back as {nearest}")
    return "finds neighbours"


def _serving_messages() -> str:
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    predict_pb2.PredictRequest().model_spec.name = prediction_service_pb2_grpc.__name__
    return f"with gRPC {grpc.__version__}"


def _data_engine() -> str:
    import ibis
    import pyarrow as pa

    total = ibis.duckdb.connect().create_table("t", pa.table({"x": [40, 2]})).x.sum().execute()
    if total != 42:
        raise ProbeError(f"the sum of 40 and 2 came back as {total}")
    return "exchange tables"


@dataclasses.dataclass(frozen=True)
class Probe:
    """One thing to try.

    Attributes:
      name: what is tried, in words.
      attempt: tries it; returns what it found, in words.
      packages: distributions to install again where it fails.
      because: the rest of the remedy's sentence.
    """

    name: str
    attempt: Callable[[], str]
    packages: tuple[str, ...]
    because: str = ""


PROBES = (
    Probe("import tensorflow", _tensorflow, ("tensorflow",)),
    Probe("tf.keras is Keras 2", _keras, ("tf-keras",), ", and leave TF_USE_LEGACY_KERAS unset or 1"),
    Probe("import tensorflow_recommenders", _tensorflow_recommenders, ("tensorflow-recommenders", "tf-keras")),
    Probe(
        "ScaNN ops in TensorFlow",
        _scann_ops,
        ("tensorflow", "scann"),
        ": ScaNN's ops load only into the TensorFlow release that they were linked against",
    ),
    Probe("TensorFlow Serving messages", _serving_messages, ("tensorflow-serving-api", "grpcio", "protobuf")),
    Probe("DuckDB, Ibis and Arrow", _data_engine, ("duckdb", "ibis-framework", "pyarrow")),
)


def run_probes(timeout_seconds: float = _TIMEOUT_SECONDS) -> list[Check]:
    """Tries every probe; one that ends its process is reported, and the rest go on in a new one.

    Args:
      timeout_seconds: how long one child may take.

    Returns:
      One check per probe, in order.
    """
    checks: list[Check] = []
    while len(checks) < len(PROBES):
        words, ending = _run_child(len(checks), timeout_seconds)
        # A child that said nothing did not even begin; its end is then the word on its first probe.
        for state, detail in words or [("started", "")]:
            checks.append(_to_check(PROBES[len(checks)], state == "ok", ending if state == "started" else detail))
    return checks


def try_from(first: int) -> None:
    """Tries the probes from number `first` on; what a parent process reads is printed line by line."""
    for number, probe in enumerate(PROBES[first:], start=first):
        _say(number, "started", "")
        try:
            _say(number, "ok", probe.attempt())
        except Exception as error:
            _say(number, "failed", f"{type(error).__name__}: {error}")


def _say(number: int, state: str, detail: str) -> None:
    print(_MARK + json.dumps([number, state, detail]), flush=True)


def _run_child(first: int, timeout_seconds: float) -> tuple[list[tuple[str, str]], str]:
    """Returns the last word on each probe that was begun, and how the child ended."""
    command = [sys.executable, "-m", "pipelines.import_probes", str(first)]
    try:
        child = subprocess.run(command, capture_output=True, timeout=timeout_seconds, check=False)
        output, ending = child.stdout, _ending(child.returncode, child.stderr)
    except subprocess.TimeoutExpired as error:
        output, ending = error.stdout or b"", f"no end after {timeout_seconds:g} s"
    words: dict[int, tuple[str, str]] = {}
    for line in output.decode(errors="replace").splitlines():
        if line.startswith(_MARK):
            number, state, detail = json.loads(line.removeprefix(_MARK))
            words[number] = (state, detail)
    return list(words.values()), ending


def _ending(returncode: int, stderr: bytes) -> str:
    if returncode < 0:
        return f"the process died of {signal.Signals(-returncode).name}"
    last_line = stderr.decode(errors="replace").rstrip().rpartition("\n")[2]
    return f"the process ended with code {returncode}{': ' if last_line else ''}{last_line}"


def _to_check(probe: Probe, ok: bool, detail: str) -> Check:
    detail = " ".join(detail.split())
    if ok:
        return Check(probe.name, detail, _WORKS, True)
    remedy = f"Run `{version_matrix.install_command(*probe.packages)}`{probe.because}."
    if "SIGILL" in detail:
        remedy = "Use a CPU, or a CPU type of the virtual machine, with AVX and FMA (on ARM: NEON)."
    return Check(probe.name, detail, _WORKS, False, remedy)


if __name__ == "__main__":
    try_from(int(sys.argv[1]))
