import numpy as np
import pytest

from benchmarks import evaluate, own_process


@pytest.fixture(scope="module")
def case():
    return evaluate.Case.drawn(200, 1000)


def test_no_query_excludes_its_target(case):
    assert len(case.excluded.rows) == 200 * 50
    assert (case.excluded.rows.reshape(200, 50) != case.targets.rows[:, np.newaxis]).all()


@pytest.mark.parametrize("peak_bytes", [2_900_000_000, 3_000_000_000])
def test_what_is_printed_holds_only_within_every_limit(monkeypatch, peak_bytes):
    monkeypatch.setattr(own_process, "measure", lambda *arguments: {"peak_bytes": peak_bytes})
    result = evaluate.run(50, 1000)
    seconds = {name: np.median(turns) for name, turns in result["seconds_of_turns"].items()}
    assert {len(turns) for turns in result["seconds_of_turns"].values()} == {5}
    assert result["ours_over_bare"] == pytest.approx(seconds["ours"] / seconds["bare"])
    assert result["factorized_top_k_over_ours"] == pytest.approx(seconds["factorized_top_k"] / seconds["ours"])
    assert result["holds"] == (
        seconds["ours"] <= 1.5 * seconds["bare"]
        and seconds["factorized_top_k"] >= 3 * seconds["ours"]
        and peak_bytes < 3_000_000_000
    )
