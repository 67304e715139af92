import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

_ROOT = pathlib.Path(__file__).parents[3]
_BOTH = pytest.mark.parametrize("estimator", ["multiscale", "paper"])


def _start(mode, estimator, path, environment=()):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.tfrs_model.frequency.replica_run", mode, estimator, str(path)],
        cwd=_ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **dict(environment)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(processes):
    """Waits for all; one that outlives a failed peer is killed, and no other process is touched."""
    try:
        for process in processes:
            _, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _replicas(path):
    """Returns, per replica, its arrays by name without the names of the replicas' copies."""
    replicas = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            index, weight = name.split("/", 1)
            replicas.setdefault(index, {})[weight.split(":")[0].split("/replica")[0]] = arrays[name]
    return [replicas[index] for index in sorted(replicas)]


def _assert_same_bits(expected, replicas):
    assert {"exact_copies", "read"} < {name.split("/")[-1] for name in expected}
    for replica in replicas:
        assert replica.keys() == expected.keys()
        for name, value in expected.items():
            assert (replica[name].dtype, replica[name].tobytes()) == (value.dtype, value.tobytes()), name


def _free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.mark.drill
@_BOTH
def test_two_replicas_hold_the_bits_of_one_with_the_same_global_batches(estimator, tmp_path):
    _finish([_start(mode, estimator, tmp_path / f"{mode}.npz") for mode in ("one", "mirrored")])
    (one,), mirrored = (_replicas(tmp_path / f"{mode}.npz") for mode in ("one", "mirrored"))
    assert len(mirrored) == 2
    _assert_same_bits(one, mirrored)


@pytest.mark.drill
@_BOTH
def test_two_processes_hold_the_bits_of_one_with_the_same_global_batches(estimator, tmp_path):
    _finish([_start("one", estimator, tmp_path / "one.npz")])
    cluster = {"worker": [f"localhost:{port}" for port in _free_ports(2)]}
    _finish(
        [
            _start(
                "worker",
                estimator,
                tmp_path / f"{index}.npz",
                {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})},
            )
            for index in range(2)
        ]
    )
    (one,) = _replicas(tmp_path / "one.npz")
    for index in range(2):
        (worker,) = _replicas(tmp_path / f"{index}.npz")
        _assert_same_bits(one, [worker])
