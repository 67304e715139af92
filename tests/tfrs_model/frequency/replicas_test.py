import pytest

from tests.tfrs_model import replica_processes

_MODULE = "tests.tfrs_model.frequency.replica_run"
_BOTH = pytest.mark.parametrize("estimator", ["multiscale", "paper"])


def _assert_same_bits(expected, replicas):
    assert {"exact_copies", "read"} < {name.split("/")[-1] for name in expected}
    for replica in replicas:
        assert replica.keys() == expected.keys()
        for name, value in expected.items():
            assert (replica[name].dtype, replica[name].tobytes()) == (value.dtype, value.tobytes()), name


@pytest.mark.drill
@_BOTH
def test_two_replicas_hold_the_bits_of_one_with_the_same_global_batches(estimator, tmp_path):
    paths = {mode: tmp_path / f"{mode}.npz" for mode in ("one", "mirrored")}
    replica_processes.run(_MODULE, [([mode, estimator, str(path)], {}) for mode, path in paths.items()])
    (one,), mirrored = (replica_processes.read_replicas(path) for path in paths.values())
    assert len(mirrored) == 2
    _assert_same_bits(one, mirrored)


@pytest.mark.drill
@_BOTH
def test_two_processes_hold_the_bits_of_one_with_the_same_global_batches(estimator, tmp_path):
    paths = [tmp_path / f"{index}.npz" for index in range(2)]
    replica_processes.run(_MODULE, [(["one", estimator, str(tmp_path / "one.npz")], {})])
    environments = replica_processes.environments_of_workers()
    replica_processes.run(
        _MODULE, [(["worker", estimator, str(path)], each) for path, each in zip(paths, environments, strict=True)]
    )
    (one,) = replica_processes.read_replicas(tmp_path / "one.npz")
    for path in paths:
        (worker,) = replica_processes.read_replicas(path)
        _assert_same_bits(one, [worker])
