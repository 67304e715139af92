import copy
import struct

import pytest

from pipelines import frequency_figures


def _curve(estimator, num_hashes=1, learning_rate=None):
    return {
        "estimator": estimator,
        "num_hashes": num_hashes,
        "learning_rate": learning_rate,
        "num_bytes": 40_000,
        "mean_error": [0.2, 0.1],
    }


@pytest.fixture
def result():
    return {
        "configuration": {"num_hashes": [1, 2], "rate_of_hashes": 0.01},
        "switch": {
            "error": "distance",
            "steps": [10, 20],
            "curves": [
                _curve("paper", 1, 0.1),
                _curve("paper", 1, 0.01),
                _curve("paper", 2, 0.01),
                _curve("multiscale", 4),
                _curve("multiscale", 2),
            ],
        },
        "repeats": {
            "error": "log error",
            "batch_sizes": [32, 64],
            "curves": [_curve("multiscale", 4), _curve("paper", 1, 0.01), _curve("exact_counts")],
        },
    }


@pytest.mark.parametrize("name", ["error_by_rate", "error_by_hashes", "error_by_batch_size"])
def test_every_figure_is_a_png_of_a_size_one_can_read_and_the_same_each_time(result, name):
    png = frequency_figures.FIGURES[name](result)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (900, 540)
    assert frequency_figures.FIGURES[name](result) == png


@pytest.mark.parametrize(
    ("name", "group", "shown"),
    [
        # One hash at every rate, and the default with the hashes it ships with.
        ("error_by_rate", "switch", [0, 1, 3]),
        # Rate .01 and the default, with the numbers of hashes that were asked for.
        ("error_by_hashes", "switch", [1, 2, 4]),
        ("error_by_batch_size", "repeats", [0, 1, 2]),
    ],
)
def test_a_figure_shows_its_curves_and_no_others(result, name, group, shown):
    before = frequency_figures.FIGURES[name](result)
    changed = []
    for i in range(len(result[group]["curves"])):
        other = copy.deepcopy(result)
        other[group]["curves"][i]["mean_error"] = [0.12, 0.19]
        if frequency_figures.FIGURES[name](other) != before:
            changed.append(i)
    assert changed == shown
