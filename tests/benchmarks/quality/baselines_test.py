import numpy as np
import pytest

from benchmarks.quality import baselines
from benchmarks.quality.datasets import DATASETS
from pipelines import prepared_data
from pipelines.comparison import systems
from tests.pipelines import prepared_tables

_DAY = 24 * 3600 * 1_000_000
_ROWS = [
    ("p", "a", 0, "train", 0),
    ("p", "b", 1 * _DAY, "train", 1),
    ("p", "b", 40 * _DAY, "train", 2),
    ("p", "b", 60 * _DAY, "test", 3),
    ("p", "a", 61 * _DAY, "test", 4),
    ("p", "d", 62 * _DAY, "test", 5),
    ("q", "a", 0, "train", 0),
    ("q", "c", 13 * _DAY, "train", 1),
    ("q", "a", 41 * _DAY, "train", 2),
    ("q", "c", 60 * _DAY, "test", 3),
    ("r", "a", 1, "train", 0),
    ("r", "c", 14 * _DAY, "train", 1),
    ("r", "b", 60 * _DAY, "test", 2),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def _figures(name, data, dataset="completejourney"):
    return baselines.BASELINES[name](DATASETS[dataset], lambda split: data, "test", 0).figures


def test_popularity_answers_new_choices_and_those_chosen_again(data):
    figures = _figures("popularity", data)
    # Counts: a 4, b 2, c 2. New: p's d is not known in training and missed; r's b is the first that is left.
    assert figures["recall_at_20"] == pytest.approx(0.5)
    assert (figures["num_queries"], figures["num_repeats_left_out"]) == (2, 3)
    # Again: p finds a and b on ranks 1 and 3, b behind c of the same count; q finds c on rank 3, behind b.
    of_p = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert figures["again"]["ndcg_at_20"] == pytest.approx((of_p + 1 / np.log2(4)) / 2)
    assert (figures["again"]["num_queries"], figures["again"]["num_interactions"]) == (2, 3)


def test_recent_popularity_counts_the_last_28_days_of_training(data):
    figures = _figures("recent_popularity", data)
    # The last moment of training is day 41: after day 13, which is left out, come b of p, a of q and c of r, once each;
    # of the three, a target stands behind the others. Again: p's a and b on ranks 2 and 3, q's c on rank 3.
    of_p = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert figures["again"]["ndcg_at_20"] == pytest.approx((of_p + 1 / np.log2(4)) / 2)
    assert figures["recent_days"] == 28


def test_own_frequent_candidates_come_first_and_popularity_orders_the_rest(data):
    figures = _figures("own_frequent", data)
    # p chose b twice and a once, both targets; q chose a twice and c once, which is the target, on rank 2.
    assert figures["again"]["ndcg_at_20"] == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert "recall_at_20" not in figures


def test_ease_is_fitted_with_the_penalty_that_validation_prefers(monkeypatch, data):
    asked = []

    def answer(dataset, data, split, penalty):
        asked.append((split, penalty))
        return baselines.answers.Answers({"recall_at_20": -abs(penalty - 490.0), "ndcg_at_20": penalty})

    monkeypatch.setattr(baselines, "_ease", answer)
    figures = _figures("ease", data, "ml1m")
    assert (figures["penalty"], figures["recall_at_20"]) == (500.0, -10.0)
    assert {"penalty": 200.0, "recall_at_20": -290.0, "ndcg_at_20": 200.0} in figures["on_validation"]
    *tried, last = asked
    assert last == ("test", 500.0)
    # Those that `pipelines.compare` tries.
    assert tried == [("validation", each["penalty"]) for each in systems.find("ease").parameter_sets]


def test_ease_finds_what_goes_together(tmp_path):
    # Queries choose two of a, b, c or of d, e, f; what is held out is the third of its own three.
    rows = []
    for i in range(6):
        own = "abc" if i % 2 else "def"
        left = own[i % 3]
        rows += [(f"q{i}", each, 1, "train", 0) for each in own if each != left] + [(f"q{i}", left, 2, "test", 2)]
    data = prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", rows, list("abcdef")))
    answered = baselines._ease(DATASETS["ml1m"], data, "test", 1.0)
    assert answered.figures["ndcg_at_20"] == 1.0
