import json

import pytest

from benchmarks import gradient_bias, sampled_gradients
from pipelines import job


@pytest.fixture(scope="module")
def result():
    return gradient_bias.run(gradient_bias.GradientBiasConfig(num_seeds=3, num_batches=500))


def _mean(result, arm, rows="all", figure="relative_bias"):
    return result["arms"][arm][rows][figure]["mean"]


def test_the_means_stand_in_the_order_that_theory_says(result):
    for chain in (("none", "yi", "mixed", "hard"), ("none", "corrected", "mixed_corrected", "hard_corrected")):
        for rows in ("all", "tail"):
            biases = [_mean(result, arm, rows) for arm in chain]
            assert biases == sorted(biases, reverse=True), (chain, rows)
        cosines = [_mean(result, arm, figure="cosine") for arm in chain]
        assert cosines == sorted(cosines), chain
    for yi, corrected in (("yi", "corrected"), ("mixed", "mixed_corrected"), ("hard", "hard_corrected")):
        for rows in ("all", "tail"):
            assert _mean(result, corrected, rows) < _mean(result, yi, rows)


def test_the_whole_interval_says_so_of_the_differences_that_are_large(result):
    held = {(each["rows"], each["figure"], each["worse"], each["better"]) for each in result["order"] if each["holds"]}
    large = {("none", "yi"), ("yi", "mixed"), ("corrected", "mixed_corrected"), ("mixed_corrected", "hard_corrected")}
    assert {("all", "relative_bias", *pair) for pair in large} <= held
    assert {
        ("tail", "relative_bias", *pair) for pair in (*large, ("yi", "corrected"), ("hard", "hard_corrected"))
    } <= held


def test_the_table_has_a_line_for_each_arm_and_the_result_is_json(result):
    lines = gradient_bias.table(result).splitlines()
    assert [line.split()[0] for line in lines[1 : 1 + len(gradient_bias.ARMS)]] == list(gradient_bias.ARMS)
    assert json.loads(json.dumps(result)) == result


def _seeds(by_arm):
    """One seed for each number of an arm's list; all figures of an arm are that number."""
    num_seeds = len(next(iter(by_arm.values())))
    return [
        {
            arm: dict.fromkeys(("all", "tail"), sampled_gradients.Bias(cosine=-values[i], relative_bias=values[i]))
            for arm, values in by_arm.items()
        }
        for i in range(num_seeds)
    ]


@pytest.mark.parametrize(
    ("gains", "holds"),
    # By hand: the 95% interval of a mean of two is the mean -+ 12.706 times half their distance.
    [((0.1, 0.1), True), ((0.1, 0.115), True), ((0.1, 0.12), False), ((-0.1, -0.1), False), ((0.0, 0.0), False)],
)
def test_a_claim_holds_where_its_whole_interval_is_above_zero(monkeypatch, gains, holds):
    by_arm = {arm: [0.5, 0.5] for arm in gradient_bias.ARMS}
    by_arm["worse"] = [0.3 + gain for gain in gains]
    by_arm["better"] = [0.3, 0.3]
    seeds = iter(_seeds(by_arm))
    monkeypatch.setattr(sampled_gradients, "measure", lambda *arguments: next(seeds))
    claims = (("all", "relative_bias", "worse", "better"), ("tail", "cosine", "worse", "better"))
    monkeypatch.setattr(gradient_bias, "_ORDER", claims)
    result = gradient_bias.run(gradient_bias.GradientBiasConfig(num_seeds=2, num_batches=10))
    assert [claim["holds"] for claim in result["order"]] == [holds, holds]
    assert result["holds"] == holds
    assert ("NOT: better better than worse" in gradient_bias.table(result)) == (not holds)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"num_seeds": 1}, "--gradient_bias_num_seeds must be >= 2, but is 1"),
        ({"num_batches": 15}, "--gradient_bias_num_batches must be 10, 20, 30, ..., but is 15"),
        ({"noise": float("nan")}, "--gradient_bias_noise must be >= 0, but is nan"),
    ],
)
def test_an_option_out_of_its_range_is_refused(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        gradient_bias.GradientBiasConfig(**options)
