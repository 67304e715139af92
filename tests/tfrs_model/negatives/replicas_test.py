import numpy as np
import pytest

from tests.tfrs_model import replica_processes

_MODULE = "tests.tfrs_model.negatives.replica_run"


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
    paths = {mode: tmp_path / f"{mode}.npz" for mode in ("one", "mirrored")}
    replica_processes.run(_MODULE, [([mode, str(path)], {}) for mode, path in paths.items()])
    (one,), (first, second) = (replica_processes.read_replicas(path) for path in paths.values())
    _assert_same_bits(first, second)
    _assert_equal(one, first)
    assert len(np.unique(one["drawn"])) > 100


@pytest.mark.drill
def test_two_processes_hold_and_draw_the_same_and_what_one_does(tmp_path):
    paths = [tmp_path / f"{name}.npz" for name in ("0", "1", "one")]
    environments = replica_processes.environments_of_workers()
    replica_processes.run(
        _MODULE, [(["worker", str(path)], each) for path, each in zip(paths[:2], environments, strict=True)]
    )
    replica_processes.run(_MODULE, [(["one", str(paths[2])], {})])
    (first,), (second,), (one,) = (replica_processes.read_replicas(path) for path in paths)
    _assert_same_bits(first, second)
    _assert_equal(one, first)
