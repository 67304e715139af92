import json

import numpy as np
import pytest

from tests.tfrs_model import replica_processes

_REPLICAS = {"mirrored": ["mirrored"], "workers": ["worker_0", "worker_1"]}
_EACH = (
    pytest.mark.parametrize("strategy", sorted(_REPLICAS)),
    pytest.mark.parametrize("case", ["yi2019", "corrected2025"]),
)
_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains in all ways at once."""
    path = tmp_path_factory.mktemp("trained")
    workers = dict(zip(_REPLICAS["workers"], replica_processes.environments_of_workers(), strict=True))
    environments = {"one": {}, "mirrored": {}, **workers}
    for name in environments:
        (path / name).mkdir()
    replica_processes.run(
        "tests.tfrs_model.replica_run",
        [([name.split("_")[0], str(path / name)], environment) for name, environment in environments.items()],
    )
    return path


def _losses(path, name, case):
    return json.loads((path / name / f"{case}.json").read_text())


def _copies(path, name, case):
    """Returns, per replica of the process, its variables by kind, number and name."""
    replicas = {}
    with np.load(path / name / f"{case}.npz") as arrays:
        for key in arrays.files:
            replica, variable = key.split("/", 1)
            replicas.setdefault(replica, {})[variable.split("/replica")[0]] = arrays[key]
    return [replicas[replica] for replica in sorted(replicas)]


def _one_and_two(path, strategy, case, when=""):
    """Returns the variables of one replica, then those of the first of two."""
    one, first = (_copies(path, name, case + when)[0] for name in ("one", _REPLICAS[strategy][0]))
    assert one.keys() == first.keys()
    return one, first


def _each(test):
    for mark in (*_EACH, pytest.mark.drill):
        test = mark(test)
    return test


@_each
def test_fit_and_evaluate_report_the_same_on_two_replicas_as_on_one(trained, strategy, case):
    one = _losses(trained, "one", case)
    assert len(one["fitted"]) == 2
    assert {"loss", "mean_loss", "temperature", "masked_share"} < one["fitted"][-1].keys()
    for name in _REPLICAS[strategy]:
        reported = _losses(trained, name, case)
        for expected, actual in zip(
            [*one["fitted"], one["evaluated"]], [*reported["fitted"], reported["evaluated"]], strict=True
        ):
            assert actual == pytest.approx(expected, rel=_TOLERANCE)


@_each
def test_the_replicas_shares_add_up_to_the_loss(trained, strategy, case):
    losses = np.array(_losses(trained, "one", case)["shares"])
    shares = np.concatenate([_losses(trained, name, case)["shares"] for name in _REPLICAS[strategy]], axis=1)
    assert (losses.shape, shares.shape) == ((3, 1), (3, 2))
    np.testing.assert_allclose(shares.sum(axis=1), losses[:, 0], rtol=_TOLERANCE)
    assert np.all(shares < 0.9 * losses)


@_each
def test_every_weight_moves_alike(trained, strategy, case):
    one_before, two_before = _one_and_two(trained, strategy, case, ".before")
    one, two = _one_and_two(trained, strategy, case)
    weights = [name for name in one if name.startswith("weight/")]
    # Two id tables, kernels and biases of two layers in each tower, the temperature.
    assert len(weights) == 2 + 2 * 4 + 1
    for name in weights:
        expected, actual = one[name] - one_before[name], two[name] - two_before[name]
        assert np.abs(expected).max() > 0.01, name
        np.testing.assert_allclose(actual, expected, rtol=0.0, atol=_TOLERANCE * np.abs(expected).max(), err_msg=name)


@_each
def test_slots_bank_and_index_are_alike_and_what_is_counted_is_the_same(trained, strategy, case):
    one, two = _one_and_two(trained, strategy, case)
    rounded = {"means", "embeddings", "probability"}
    for name, expected in one.items():
        if name.startswith("slot/") or name.split("/")[-1] in rounded:
            largest = np.abs(expected).max()
            np.testing.assert_allclose(two[name], expected, rtol=0.0, atol=_TOLERANCE * largest, err_msg=name)
        elif name.startswith("state/"):
            # Keys, counts and frequencies, clusters, steps.
            assert two[name].tobytes() == expected.tobytes(), name


@_each
def test_replicas_hold_the_same_bits(trained, strategy, case):
    first, second = (copies for name in _REPLICAS[strategy] for copies in _copies(trained, name, case))
    assert first.keys() == second.keys()
    assert {name for name in first if first[name].tobytes() != second[name].tobytes()} == set()
