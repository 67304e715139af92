import json

from pipelines import interval_figures
from tfrs_model.metrics import intervals, paired


def test_a_mean_stands_between_the_ends_of_its_interval():
    found = intervals.Interval(0.5, 0.4, 0.7, 10, 10, "wilson")
    assert interval_figures.of_mean(found) == {"mean": 0.5, "low": 0.4, "high": 0.7}


def test_a_mean_of_nothing_is_null_in_json():
    found = intervals.mean_interval([])
    assert json.loads(json.dumps(interval_figures.of_mean(found))) == {"mean": None, "low": 0.0, "high": 1.0}


def test_a_difference_comes_with_its_p_value():
    found = paired.Difference(-0.1, -0.2, 0.05, 0.2, 10, 5)
    assert interval_figures.of_difference(found) == {"mean": -0.1, "low": -0.2, "high": 0.05, "p_value": 0.2}
