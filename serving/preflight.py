"""Says before anybody serves an export which host can, and what the others will answer.

    python -m serving.preflight --model_dir=served/movielens/3

Reads which operations the export needs, loads it through TensorFlow's C++ loader, which is that of TensorFlow
Serving, with and without ScaNN's operations, replays its warm-up requests each time, and prints one JSON object. The
exit code is 0 if this project's server serves it.
"""

import base64
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import app, flags
from google.protobuf import message as protobuf_message
from tensorflow.core.protobuf import saved_model_pb2

from serving import manifest, warm_up_requests

_SCANN_PREFIX = "Scann>"
_TIMEOUT_SECONDS = 600


class PreflightError(ValueError):
    """There is no SavedModel to look at."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What a loader made of an export.

    Attributes:
      error: why it does not load, empty if it does.
      failures: what each warm-up request that failed was answered, with its signature.
      num_requests: warm-up requests that were replayed.
    """

    error: str
    failures: list[str]
    num_requests: int

    @property
    def serves(self) -> bool:
        """Whether it loads and answers all."""
        return not self.error and not self.failures


def run(model_dir: str | os.PathLike[str]) -> dict:
    """Returns what is needed, what was tried, and what each host will say.

    Args:
      model_dir: SavedModel folder.

    Raises:
      PreflightError: if there is no SavedModel, or its warm-up requests cannot be read.
    """
    changed = _changed(model_dir)
    if changed:
        return {"model_dir": os.fspath(model_dir), "changed_since_publication": changed, "serves": False}
    needed = required_ops(model_dir)
    further = sorted(op for op in needed if op.startswith(_SCANN_PREFIX))
    try:
        requests = warm_up_requests.read_warm_up_requests(pathlib.Path(model_dir))
    except (tf.errors.OpError, protobuf_message.DecodeError) as error:
        raise PreflightError(
            f"{model_dir} has warm-up requests that cannot be read ({type(error).__name__}), so no server loads it; "
            "export again."
        ) from error
    stock = _try(model_dir, requests, "")
    with_scann = _try(model_dir, requests, "scann") if further else stock
    return {
        "model_dir": os.fspath(model_dir),
        "changed_since_publication": changed,
        "num_ops": len(needed),
        "ops_outside_tensorflow": further,
        "stock_loader": dataclasses.asdict(stock),
        "loader_with_scann": dataclasses.asdict(with_scann),
        "hosts": {
            "this server": _says(with_scann),
            "stock TensorFlow Serving": _says_serving(stock, further),
            "TensorFlow for C and Java, Triton": _says_library(stock, with_scann, further),
        },
        "serves": with_scann.serves,
    }


def required_ops(model_dir: str | os.PathLike[str]) -> set[str]:
    """Returns the names of all operations in the graph and its functions.

    Raises:
      PreflightError: if there is no readable SavedModel.
    """
    path = pathlib.Path(model_dir) / "saved_model.pb"
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except (OSError, protobuf_message.DecodeError) as error:
        raise PreflightError(f"{path} is no readable SavedModel ({error}); name the folder of a version.") from error
    graphs = [meta_graph.graph_def for meta_graph in saved.meta_graphs]
    nodes = [node.op for graph in graphs for node in graph.node]
    nodes += [node.op for graph in graphs for function in graph.library.function for node in function.node_def]
    functions = {function.signature.name for graph in graphs for function in graph.library.function}
    return set(nodes) - functions


def _try(model_dir: str | os.PathLike[str], requests: Sequence[warm_up_requests.Request], op_library: str) -> Trial:
    """Loads and asks in a process of its own, which does not import Python TensorFlow."""
    command = [
        sys.executable, "-m", "serving.c_api_loader", f"--c_api_model_dir={os.fspath(model_dir)}", "--c_api_requests",
        f"--c_api_op_library={op_library}",
    ]  # fmt: skip
    as_json = json.dumps(
        [[name, {each: _to_json(values) for each, values in inputs.items()}] for name, inputs in requests]
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        finished = subprocess.run(
            command,
            input=as_json,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(f"The loader gave no answer within {_TIMEOUT_SECONDS} s.", [], 0)
    if finished.returncode:
        said = finished.stderr.strip().splitlines() or [f"The loader ended with code {finished.returncode}."]
        return Trial(said[-1].removeprefix("ERROR: "), [], 0)
    answers = json.loads(finished.stdout)
    failures = [
        f"{name}: {answer['code']}: {answer['message'].splitlines()[0]}"
        for (name, _), answer in zip(requests, answers, strict=True)
        if "code" in answer
    ]
    return Trial("", failures, len(answers))


def _to_json(values: np.ndarray) -> object:
    if values.dtype == object:
        encoded = [{"b64": base64.b64encode(each).decode()} for each in values.ravel()]
        return np.array(encoded, object).reshape(values.shape).tolist()
    return values.tolist()


def _changed(model_dir: str | os.PathLike[str]) -> str:
    """Returns what is not as the manifest says, empty if all is or there is no manifest."""
    try:
        manifest.require_as_published(model_dir)
    except manifest.ManifestError as error:
        return str(error)
    return ""


def _says(trial: Trial) -> str:
    if trial.serves:
        return f"serves it: {trial.num_requests} warm-up requests answered"
    return f"does not serve it: {trial.error or trial.failures[0]}"


def _says_serving(stock: Trial, further: Sequence[str]) -> str:
    if not further:
        return _says(stock)
    outcome = (
        "the version does not load, and the one before it keeps serving"
        if stock.error
        else "with warm-up requests the version does not load; without them every request ends in NOT_FOUND (404)"
    )
    return (
        f"does not serve it: it has no {', '.join(further)}, so {outcome}. Export with --index=partitioned or "
        "brute_force, or use this project's server."
    )


def _says_library(stock: Trial, with_scann: Trial, further: Sequence[str]) -> str:
    if not further:
        return _says(stock)
    return f"{_says(with_scann)}, once TF_LoadLibrary has loaded _scann_ops.so of the scann package"


def main(argv: Sequence[str]) -> None:
    """Prints what `--model_dir` needs and who can serve it."""
    del argv
    tf.get_logger().setLevel("ERROR")
    try:
        found = run(flags.FLAGS.model_dir)
    except PreflightError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    print(json.dumps(found, indent=2))
    sys.exit(0 if found["serves"] else 1)


def console_main() -> None:
    """Entry point of the command line."""
    # Not where this module is imported: training jobs have a --model_dir of their own.
    flags.DEFINE_string("model_dir", None, "SavedModel folder, <base path>/<version>.", required=True)
    app.run(main)


if __name__ == "__main__":
    console_main()
