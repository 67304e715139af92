import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

_ROOT = pathlib.Path(__file__).parents[3]


def _run(*processes):
    """Starts (mode, path, environment) all at once and waits; one that outlives a failed peer is killed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.tfrs_model.negatives.replica_run", mode, str(path)],
            cwd=_ROOT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for mode, path, environment in processes
    ]
    try:
        for process in started:
            _, errors = process.communicate(timeout=200)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _replicas(path):
    replicas = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            index, array = name.split("/")
            replicas.setdefault(index, {})[array] = arrays[name]
    return [replicas[index] for index in sorted(replicas)]


def _assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        # The mean over the queries is summed in another order where they are shared out.
        np.testing.assert_allclose(other[name], value, rtol=1e-5)


def _assert_same_bits(one, other):
    assert {name: value.tobytes() for name, value in one.items()} == {
        name: value.tobytes() for name, value in other.items()
    }


@pytest.mark.drill
def test_two_replicas_hold_and_draw_the_same_and_what_one_does(tmp_path):
    _run(*((mode, tmp_path / f"{mode}.npz", {}) for mode in ("one", "mirrored")))
    (one,), (first, second) = (_replicas(tmp_path / f"{mode}.npz") for mode in ("one", "mirrored"))
    _assert_same_bits(first, second)
    _assert_equal(one, first)
    assert len(np.unique(one["drawn"])) > 100


@pytest.mark.drill
def test_two_processes_hold_and_draw_the_same_and_what_one_does(tmp_path):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    cluster = {"worker": [f"localhost:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    configs = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(2)]
    _run(*(("worker", tmp_path / f"{i}.npz", {"TF_CONFIG": config}) for i, config in enumerate(configs)))
    _run(("one", tmp_path / "one.npz", {}))
    ((first,), (second,), (one,)) = (_replicas(tmp_path / f"{name}.npz") for name in ("0", "1", "one"))
    _assert_same_bits(first, second)
    _assert_equal(one, first)
