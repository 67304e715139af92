import pytest

from pipelines.daily import day_checks
from tests.pipelines.daily import day_log


def _drift(tmp_path, change):
    earlier = [day_log.write(tmp_path, day, day_log.rows(day, 2000)) for day in range(3)]
    columns = day_log.rows(3, 2000)
    change(columns)
    config = day_checks.DayCheckConfig(max_new_candidate_fraction=1.0)
    found = day_checks.check(day_log.write(tmp_path, 3, columns), earlier, day_log.SCHEMA, config)
    return {each.name: each for each in found.drift}


def test_a_day_like_those_before_drifts_as_chance_does(tmp_path):
    found = _drift(tmp_path, lambda columns: None)
    assert set(found) == {"candidate popularity", "channel"}
    # By hand: two values in 6,000 and 2,000 interactions.
    assert found["channel"].of_chance == pytest.approx(1 / 6000 + 1 / 2000)
    # A chi-squared figure of a few degrees of freedom is rarely four times its mean, or a 64th of it.
    for each in found.values():
        assert each.of_chance / 64 < each.stability_index < 4 * each.of_chance


def test_a_planted_shift_of_popularity_is_seen(tmp_path):
    def turn(columns):
        columns["item"] = [f"i{49 - int(each[1:])}" for each in columns["item"]]

    found = _drift(tmp_path, turn)
    assert found["candidate popularity"].stability_index > 1.0
    assert found["channel"].stability_index < 0.02


def test_a_value_that_appears_is_seen_beside_many_rare_ones(tmp_path):
    def appear(columns):
        columns["channel"] = ["kiosk" if place % 2 else each for place, each in enumerate(columns["channel"])]

    found = _drift(tmp_path, appear)["channel"]
    assert found.num_groups == 3
    assert found.stability_index > 1.0


def test_more_values_than_can_be_compared_are_one_group(tmp_path):
    def scatter(columns):
        columns["channel"] = [f"c{place % 500}" for place in range(len(columns["channel"]))]

    # Two values of before, twenty of the day, and the others of the day together.
    assert _drift(tmp_path, scatter)["channel"].num_groups == 23


def test_new_candidates_are_no_drift_of_popularity(tmp_path):
    def rename(columns):
        columns["item"] = [f"new{each}" if place % 2 else each for place, each in enumerate(columns["item"])]

    assert _drift(tmp_path, rename)["candidate popularity"].stability_index < 0.05


def test_one_day_before_groups_no_candidates(tmp_path):
    earlier = [day_log.write(tmp_path, 0, day_log.rows(0))]
    found = day_checks.check(
        day_log.write(tmp_path, 1, day_log.rows(1)), earlier, day_log.SCHEMA, day_checks.DayCheckConfig()
    )
    assert found.drift[0].stability_index is None
    assert found.drift[1].stability_index is not None


def test_no_known_candidate_is_no_figure(tmp_path):
    def rename(columns):
        columns["item"] = [f"new{each}" for each in columns["item"]]

    found = _drift(tmp_path, rename)["candidate popularity"]
    assert found.stability_index is None
    assert found.of_chance is None
