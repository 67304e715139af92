import json

import pytest

from benchmarks import contradiction_arms, contradiction_log, contradictions
from pipelines import job

_LOGS = ("contradictions", "own_text", "candidate_texts")
_ARMS = ("cosine_squared", "cosine_huber", "cosine_normalised", "dot_cross_entropy", "dot_sigmoid_squared")
_STALLS = "cosine_with_squared_error_stalls_at_the_rates"
_PRODUCT = "product_with_cross_entropy_fits_contradictions"
_COPIES = "every_arm_fits_the_copies"


def _shares(**changes):
    """Rows as expected, changed at `log__arm`."""
    shares = {log: dict.fromkeys(_ARMS, 0.01) for log in _LOGS}
    shares["contradictions"] |= {"cosine_squared": 0.9, "cosine_huber": 0.9}
    for key, value in changes.items():
        log, arm = key.split("__")
        shares[log][arm] = value
    return {log: [{"arm": arm, "share_left": share} for arm, share in each.items()] for log, each in shares.items()}


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"contradictions__dot_sigmoid_squared": 0.5}, []),
        ({"contradictions__cosine_squared": 0.74}, [_STALLS]),
        ({"contradictions__dot_cross_entropy": 0.06}, [_PRODUCT]),
        ({"own_text__cosine_huber": 0.06}, [_COPIES]),
        ({"candidate_texts__dot_sigmoid_squared": 0.06, "contradictions__cosine_squared": 0.1}, [_STALLS, _COPIES]),
    ],
)
def test_an_expectation_holds_only_if_the_figures_say_so(changes, broken):
    judged = contradictions.judge(_shares(**changes))
    assert set(judged) == {_STALLS, _PRODUCT, _COPIES}
    assert [claim for claim, holds in judged.items() if not holds] == broken


def test_a_figure_is_the_median_over_seeds():
    rows = [{"arm": "x", "loss": loss, "share_left": loss / 2} for loss in (3.0, 1.0, 2.0)]
    assert contradictions._median_row(rows) == {
        "arm": "x",
        "loss": 2.0,
        "share_left": 1.0,
        "loss_of_seeds": [3.0, 1.0, 2.0],
    }


@pytest.fixture(scope="module")
def result():
    shown = {arm: contradiction_arms.ARMS[arm] for arm in ("cosine_squared", "dot_cross_entropy")}
    config = contradictions.ContradictionsConfig(
        num_seeds=1,
        log=contradiction_log.LogSizes(8, 8, 8),
        training=contradiction_arms.TrainingSizes(6, 3),
        densities=(3,),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contradiction_arms, "ARMS", shown)
        return contradictions.run(config)


def test_every_arm_is_measured_on_every_log(result):
    assert {log: [row["arm"] for row in rows] for log, rows in result["rows"].items()} == {
        log: ["cosine_squared", "dot_cross_entropy"] for log in _LOGS
    }
    unit = [min(row["query_rate_loss"], row["candidate_rate_loss"]) for row in result["rows"]["contradictions"]]
    for rows in result["rows"].values():
        assert [row["share_left"] * each for row, each in zip(rows, unit, strict=True)] == pytest.approx(
            [row["loss"] for row in rows]
        )
    assert [row["pairs_per_query"] for row in result["densities"]] == [3, 3]


def test_three_steps_fit_nothing_and_the_result_says_so(result):
    assert not result["expectations"][_PRODUCT]
    assert not result["holds"]


def test_a_row_on_the_pairs_agrees_with_itself(result):
    for rows in result["pairs"].values():
        assert [row["label"] for row in rows] == [1, 1, 1, 0]
        assert rows[0]["candidate"] == rows[1]["candidate"]
        assert rows[1]["query"] == rows[2]["query"]
        assert rows[0]["relative_length"] == rows[1]["relative_length"]
        for row in rows:
            assert -1.0 <= row["cosine"] <= 1.0
            assert (row["dot"] > 0) == (row["sigmoid"] > 0.5) == (row["cosine"] > 0)


def test_one_json_line_on_stdout_and_the_table_on_stderr(result, capsys):
    contradictions._print(result)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["benchmark"] == "contradictions"
    assert printed.out.count("\n") == 1
    lines = printed.err.splitlines()
    assert lines[0].startswith("contradictions: 64 pairs, ")
    assert lines[1].split()[:3] == ["arm", "loss", "query_rate_loss"]
    header = ["query", "label", "candidate", "dot", "sigmoid", "cosine", "relative_length"]
    assert [line.split() for line in lines].count(header) == 2
    assert lines[-2] == "product with cross entropy fits contradictions: DOES NOT HOLD"


def test_no_seed_at_all_is_refused():
    with pytest.raises(job.ConfigError, match="--contradiction_num_seeds must be >= 1, but is 0"):
        contradictions.ContradictionsConfig(num_seeds=0)
