import json

import numpy as np
import pytest

from benchmarks.quality import measurement
from benchmarks.quality.datasets import DATASETS, Bars
from benchmarks.quality.kept_results import Result
from pipelines import job

_TINY = {
    "embedding_dim": 8,
    "history_length": 3,
    "batch_size": 64,
    "num_epochs": 1,
    "learning_rate": 0.02,
}


def _result(recall, ndcg, seconds=10.0, ranks=None, **others):
    figures = {"recall_at_20": recall, "ndcg_at_20": ndcg, "training_seconds": seconds, **others}
    return Result(figures, ranks)


def test_medians_and_ranges_are_those_of_the_seeds_and_what_is_asked_apart_has_its_own():
    again = [{"recall_at_20": 0.5, "ndcg_at_20": each} for each in (0.1, 0.3)]
    results = [_result(0.2, 0.4, again=again[0]), _result(0.4, 0.1, again=again[1])]
    summary = measurement.summarise(DATASETS["completejourney"], results)
    assert summary["recall_at_20"] == pytest.approx(0.3)
    assert summary["range"] == {"recall_at_20": [0.2, 0.4], "ndcg_at_20": [0.1, 0.4]}
    assert summary["again"]["ndcg_at_20"] == pytest.approx(0.2)
    assert summary["again"]["range"]["recall_at_20"] == [0.5, 0.5]
    assert len(summary["seeds"]) == 2


@pytest.mark.parametrize(
    ("recall", "seconds", "holds", "reaches"),
    [(0.3, 50.0, True, True), (0.2, 50.0, True, False), (0.1, 50.0, False, False)],
)
def test_bars_hold_at_the_median_of_the_seeds(recall, seconds, holds, reaches):
    bars = Bars({"recall_at_20": 0.15}, {"recall_at_20": 0.25}, 60.0)
    results = [_result(each, 0.0, seconds) for each in (0.0, recall, 0.9)]
    found = measurement._bars(bars, measurement.summarise(DATASETS["gowalla"], results), results)
    assert found["must"]["recall_at_20"] == {"at_least": 0.15, "holds": holds}
    assert found["reach"]["recall_at_20"] == {"at_least": 0.25, "holds": reaches}
    assert found["holds"] == holds


def test_one_seed_that_trains_too_long_does_not_hold():
    bars = Bars({"recall_at_20": 0.1}, {}, 60.0)
    results = [_result(0.5, 0.5, seconds) for seconds in (10.0, 61.0, 20.0)]
    found = measurement._bars(bars, measurement.summarise(DATASETS["gowalla"], results), results)
    assert found["must"]["training_seconds"] == {"at_most": 60.0, "holds": False}
    assert not found["holds"]


def test_the_bars_of_the_data_sets():
    must = {name: dict(each.bars.must) for name, each in DATASETS.items() if each.bars}
    assert must["ml100k"] == {"recall_at_10": 0.18, "ndcg_at_10": 0.095}
    assert must["gowalla"] == {"recall_at_20": 0.1830, "ndcg_at_20": 0.1554}
    # 1.1 times .0971 and .1768.
    assert must["ml1m"] == pytest.approx({"recall_at_20": 0.10681, "ndcg_at_20": 0.19448})
    assert DATASETS["ml1m"].bars.reach == pytest.approx({"recall_at_20": 0.121375, "ndcg_at_20": 0.221})
    assert DATASETS["gowalla"].bars.training_seconds == 3600


def test_the_difference_to_another_model_is_that_of_hits_and_gains_at_ten():
    ours = [Result({}, np.array([1, 3, 11, 20])), Result({}, np.array([1, 3, 11, 20]))]
    theirs = [Result({}, np.array([11, 3, 11, 7]))]
    found = measurement.differences(ours, theirs)
    # Hits: 2 of 4 against 2 of 4. Gains: 1 + 1/2 against 1/2 + 1/log2(8).
    assert found["recall_at_10"]["mean"] == pytest.approx(0.0)
    assert found["ndcg_at_10"]["mean"] == pytest.approx((1 - 1 / 3) / 4)
    assert found["ndcg_at_10"]["low"] < (1 - 1 / 3) / 4 < found["ndcg_at_10"]["high"]


def test_options_above_the_configuration_are_for_validation_alone():
    with pytest.raises(
        job.ConfigError, match="such as --num_epochs may be given with --quality_split=validation alone"
    ):
        measurement.QualityConfig("ml1m", "runs", options={"num_epochs": 1})


def _run(dataset, sources, tmp_path, **changes):
    config = measurement.QualityConfig(
        dataset, str(tmp_path / "runs"), "validation", num_seeds=1, options=_TINY, sources=sources, **changes
    )
    return json.loads(json.dumps(measurement.run(config)))


def test_the_whole_of_a_data_set_in_one_object(sources, tmp_path, ledger):
    names = ("with_content", "without_content")
    result = _run("ml1m", sources, tmp_path, variants=names)
    assert (result["split"], result["fitted_on"], len(result["seeds"])) == ("validation", "train", 1)
    assert set(result["ablation"]) == set(names)
    # It is what the default is: the same run.
    assert result["ablation"]["without_content"]["minus_default"] == {"recall_at_20": 0.0, "ndcg_at_20": 0.0}
    assert set(result["baselines"]) == {"popularity", "ease"}
    assert result["baselines"]["ease"]["seeds"][0]["penalty"] > 0
    assert "must" not in result
    assert result["test_split_evaluations"] == 0
    assert not ledger.exists()
    # The planted truth is found: queries choose what is of their own parity.
    assert result["baselines"]["ease"]["ndcg_at_20"] > result["baselines"]["popularity"]["ndcg_at_20"]
    lines = measurement.table(result).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["default", *names, "popularity", "ease"]


def test_repeats_are_asked_apart_and_listed_apart(sources, tmp_path):
    result = _run("completejourney", sources, tmp_path, variants=("default",))
    assert {"recall_at_20", "ndcg_at_20", "range"} <= set(result["again"])
    assert set(result["baselines"]) == {"popularity", "recent_popularity", "own_frequent"}
    names = [line.split("  ")[0] for line in measurement.table(result).splitlines()]
    assert names[:2] == ["default", "default, again"]
    assert "own_frequent" not in names
    assert "own_frequent, again" in names
