"""Processes of a drill that do the same on one replica, on two logical devices and as two workers."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable

import numpy as np

_ROOT = pathlib.Path(__file__).parents[2]
_TIMEOUT_SECONDS = 600


def run(module: str, runs: Iterable[tuple[list[str], dict[str, str]]]) -> None:
    """Starts all runs of a module at once and waits; one that outlives a failed peer is killed, and no other process.

    Args:
      module: with a command line.
      runs: arguments and further environment of each process.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    with contextlib.ExitStack() as stack:
        started = []
        for arguments, environment in runs:
            # A file and no pipe: a full pipe would stop a process that another one waits for.
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=_ROOT,
                env={**os.environ, **quiet, **environment},
                stdout=said,
                stderr=said,
            )
            stack.callback(_end, process)
            started.append((process, said))
        for process, said in started:
            code = process.wait(_TIMEOUT_SECONDS)
            said.seek(0)
            assert code == 0, said.read()[-3000:]


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def environments_of_workers() -> list[dict[str, str]]:
    """Returns the environment of each of two workers of one cluster, on free ports."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    cluster = {"worker": [f"localhost:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    tasks = ({"type": "worker", "index": index} for index in range(2))
    return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]


def read_replicas(path: pathlib.Path) -> list[dict[str, np.ndarray]]:
    """Returns, per replica, its arrays by name, from a file that names them `replica/name`.

    What TensorFlow adds to the names of a replica's copy of a variable is left out.
    """
    replicas: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            if "/" in name:
                index, array = name.split("/", 1)
                replicas.setdefault(index, {})[array.split(":")[0].split("/replica")[0]] = arrays[name]
    return [replicas[index] for index in sorted(replicas)]
