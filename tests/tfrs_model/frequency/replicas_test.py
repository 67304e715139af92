import pytest

from tests.tfrs_model import replica_processes

_ESTIMATORS = ("multiscale", "paper")
_BOTH = pytest.mark.parametrize("estimator", _ESTIMATORS)


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Folder of each way to run, in which every estimator has counted; all at once."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("one", "mirrored", "worker_0", "worker_1")}
    environments = dict(
        zip(("worker_0", "worker_1"), replica_processes.environments_of_workers(), strict=True), one={}, mirrored={}
    )
    replica_processes.run(
        "tests.tfrs_model.frequency.replica_run",
        [([name.split("_")[0], str(folder), *_ESTIMATORS], environments[name]) for name, folder in folders.items()],
    )
    return folders


def _assert_same_bits(expected, replicas):
    assert {"exact_copies", "read"} < {name.split("/")[-1] for name in expected}
    for replica in replicas:
        assert replica.keys() == expected.keys()
        for name, value in expected.items():
            assert (replica[name].dtype, replica[name].tobytes()) == (value.dtype, value.tobytes()), name


@pytest.mark.drill
@_BOTH
def test_two_replicas_hold_the_bits_of_one_with_the_same_global_batches(estimator, counted):
    (one,), mirrored = (
        replica_processes.read_replicas(counted[mode] / f"{estimator}.npz") for mode in ("one", "mirrored")
    )
    assert len(mirrored) == 2
    _assert_same_bits(one, mirrored)


@pytest.mark.drill
@_BOTH
def test_two_processes_hold_the_bits_of_one_with_the_same_global_batches(estimator, counted):
    (one,) = replica_processes.read_replicas(counted["one"] / f"{estimator}.npz")
    for name in ("worker_0", "worker_1"):
        (worker,) = replica_processes.read_replicas(counted[name] / f"{estimator}.npz")
        _assert_same_bits(one, [worker])
