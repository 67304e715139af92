import dataclasses

import pytest

from benchmarks.quality import questions
from benchmarks.quality.datasets import DATASETS
from pipelines import feeding, prepared_data
from tests.pipelines import prepared_tables

# Last out: of each query the last is test and the one before validation; c and d of p, and all of q, are simultaneous.
_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "b", 2, "train", 1),
    ("p", "c", 3, "validation", 2),
    ("p", "d", 3, "test", 2),
    ("q", "d", 5, "train", 0),
    ("q", "c", 5, "validation", 0),
    ("q", "a", 5, "test", 0),
    ("r", "a", 6, "train", 0),
    ("s", "e", 1, "train", 0),
    ("s", "d", 2, "train", 1),
    ("s", "e", 3, "validation", 2),
    ("s", "a", 4, "test", 3),
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def _histories(data, asked):
    batch = next(iter(feeding.Feeder(data, 4).query_batches(asked.examples, 9)))
    return [[name.decode() for name in row if name] for row in batch["history"].numpy()]


def test_ties_are_left_out_by_the_protocol_and_read_beside_it(data):
    asked = questions.questions_of(DATASETS["ml100k"], data, "test")
    assert list(asked) == ["main", "ties_as_in_file"]
    assert _histories(data, asked["main"]) == [["a", "b"], [], ["e", "d", "e"]]
    assert _histories(data, asked["ties_as_in_file"]) == [["a", "b", "c"], ["d", "c"], ["e", "d", "e"]]
    for name in ("target_rows", "excluded_rows", "excluded_splits"):
        assert getattr(asked["main"], name).tolist() == getattr(asked["ties_as_in_file"], name).tolist()


def test_validation_reads_nothing_of_test_in_either_way(data):
    asked = questions.questions_of(DATASETS["ml100k"], data, "validation")
    # That s chose e again is left out.
    assert _histories(data, asked["main"]) == [["a", "b"], []]
    assert _histories(data, asked["ties_as_in_file"]) == [["a", "b"], ["d"]]


def test_a_data_set_of_queries_is_asked_for_new_choices_and_apart_for_what_is_chosen_again(data):
    assert list(questions.questions_of(DATASETS["gowalla"], data, "test")) == ["main"]
    asked = questions.questions_of(DATASETS["completejourney"], data, "validation")
    assert list(asked) == ["main", "again"]
    assert [each.target_rows.tolist() for each in asked.values()] == [[2, 2], [4]]
    assert asked["again"].excluded_rows.size == 0


def test_no_data_set_but_complete_journey_has_repeats_to_ask_for():
    assert [name for name, each in DATASETS.items() if each.asks_again] == ["completejourney"]
    assert dataclasses.replace(DATASETS["ml100k"], fits_validation=True).fitted_on("validation") == "train"
