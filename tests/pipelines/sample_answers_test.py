import numpy as np
import pytest

from pipelines import prepared_data, sample_answers
from tests.pipelines import prepared_tables

_ROWS = [
    ("p", "a", 1, "train", 0),
    ("p", "b", 2, "test", 1),
    ("q", "a", 1, "train", 0),
    ("q", "c", 2, "validation", 1),
    ("q", "d", 3, "test", 2),
    ("q", "e", 4, "test", 3),
]


class _Embedder:
    """Prefers a to b to c, and so on, for everybody."""

    def queries(self, examples):
        return np.full([len(examples), 1], 2.0, np.float32)


_CORPUS = np.array([[5.0], [4.0], [3.0], [2.0], [1.0]], np.float32)


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


def test_answers_leave_out_what_was_chosen_before_and_mark_what_came(data):
    first, second = sample_answers.ask(data, "test", _Embedder(), _CORPUS)
    assert (first["query_id"], second["query_id"]) == ("p", "q")
    assert [each["candidate_id"] for each in first["history"]] == ["a"]
    assert [each["candidate_id"] for each in second["history"]] == ["a", "c"]
    assert second["num_history"] == 2
    assert [each["candidate_id"] for each in first["recommendations"]] == ["b", "c", "d", "e"]
    # By hand: a and c are left out, so that d is second behind b, with a score of 2 x 2.
    assert [each["candidate_id"] for each in second["recommendations"]] == ["b", "d", "e"]
    assert [each["is_held_out"] for each in second["recommendations"]] == [False, True, False]
    assert second["recommendations"][1]["score"] == pytest.approx(4.0)
    assert (second["held_out"]["candidate_id"], second["held_out"]["rank"]) == ("d", 2)


def test_queries_are_different_and_go_from_the_shortest_history_to_the_longest(data):
    examples = data.examples("test")
    lengths = np.array([7, 1, 9, 3, 5, 8])
    many = examples.take(np.zeros(6, np.int64))
    many.query_rows[:] = [0, 1, 2, 3, 4, 4]
    object.__setattr__(many, "history_end", many.history_begin + lengths)
    assert lengths[sample_answers.choose(many, 3)].tolist() == [1, 5, 9]
    assert lengths[sample_answers.choose(many, 5)].tolist() == [1, 3, 5, 7, 9]
