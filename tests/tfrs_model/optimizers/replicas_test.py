import numpy as np
import pytest

from tests.tfrs_model import replica_processes

_OPTIMIZERS = ("adam", "adagrad", "lazy_adam", "row_wise_adagrad")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of each mode, where every optimizer has trained."""
    folders = {mode: tmp_path_factory.mktemp(mode) for mode in ("one", "mirrored")}
    runs = [([mode, str(folder), *_OPTIMIZERS], {}) for mode, folder in folders.items()]
    replica_processes.run("tests.tfrs_model.optimizers.replica_run", runs)
    return folders


def _read(path):
    """Returns the weights, then the optimizer's variables, of each replica, and the rows that were touched."""
    replicas = {}
    with np.load(path) as arrays:
        touched = arrays["touched"]
        for name in arrays.files:
            if "/" in name:
                replica, index = map(int, name.split("/"))
                replicas.setdefault(replica, {})[index] = arrays[name]
    return [[each[index] for index in sorted(each)] for each in replicas.values()], touched


@pytest.mark.drill
@pytest.mark.parametrize("optimizer", _OPTIMIZERS)
def test_two_replicas_move_as_one_with_the_same_global_batches(optimizer, trained):
    (one,), touched = _read(trained["one"] / f"{optimizer}.npz")
    mirrored, _ = _read(trained["mirrored"] / f"{optimizer}.npz")
    assert len(mirrored) == 2
    for first, second in zip(*mirrored, strict=True):
        assert first.tobytes() == second.tobytes()
    # Halves of a batch are summed in another order than the whole.
    for expected, actual in zip(one, mirrored[0], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    # All steps were made, and some rows were left alone.
    assert next(int(each) for each in one if each.dtype == np.int64) == 12
    assert len(touched) < 40
