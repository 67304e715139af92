import numpy as np
import pytest

from tests.tfrs_model import replica_processes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """What each replica of each way to run holds and drew; all ways at once."""
    folder = tmp_path_factory.mktemp("drawn")
    workers = dict(zip(("worker_0", "worker_1"), replica_processes.environments_of_workers(), strict=True))
    environments = {"one": {}, "mirrored": {}, **workers}
    replica_processes.run(
        "tests.tfrs_model.negatives.replica_run",
        [([name.split("_")[0], str(folder / f"{name}.npz")], each) for name, each in environments.items()],
    )
    return {name: replica_processes.read_replicas(folder / f"{name}.npz") for name in environments}


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
def test_two_replicas_hold_and_draw_the_same_and_what_one_does(drawn):
    (one,), (first, second) = drawn["one"], drawn["mirrored"]
    _assert_same_bits(first, second)
    _assert_equal(one, first)
    assert len(np.unique(one["drawn"])) > 100


@pytest.mark.drill
def test_two_processes_hold_and_draw_the_same_and_what_one_does(drawn):
    (first,), (second,), (one,) = (drawn[name] for name in ("worker_0", "worker_1", "one"))
    _assert_same_bits(first, second)
    _assert_equal(one, first)
