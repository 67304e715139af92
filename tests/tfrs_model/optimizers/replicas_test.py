import numpy as np
import pytest

from tests.tfrs_model import replica_processes


def _run(mode, optimizer, path):
    """Returns the weights, then the optimizer's variables, of each replica, and the rows that were touched."""
    replica_processes.run("tests.tfrs_model.optimizers.replica_run", [([mode, optimizer, str(path)], {})])
    replicas = {}
    with np.load(path) as arrays:
        touched = arrays["touched"]
        for name in arrays.files:
            if "/" in name:
                replica, index = map(int, name.split("/"))
                replicas.setdefault(replica, {})[index] = arrays[name]
    return [[each[index] for index in sorted(each)] for each in replicas.values()], touched


@pytest.mark.drill
@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "lazy_adam", "row_wise_adagrad"])
def test_two_replicas_move_as_one_with_the_same_global_batches(optimizer, tmp_path):
    (one,), touched = _run("one", optimizer, tmp_path / "one.npz")
    mirrored, _ = _run("mirrored", optimizer, tmp_path / "mirrored.npz")
    assert len(mirrored) == 2
    for first, second in zip(*mirrored, strict=True):
        assert first.tobytes() == second.tobytes()
    # Halves of a batch are summed in another order than the whole.
    for expected, actual in zip(one, mirrored[0], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    # All steps were made, and some rows were left alone.
    assert next(int(each) for each in one if each.dtype == np.int64) == 12
    assert len(touched) < 40
