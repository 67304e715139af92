import numpy as np
import pytest

from pipelines import job, prepared_data
from pipelines.comparison import answering, systems
from tests.pipelines import prepared_tables

_ROWS = [
    (query, candidate, moment, split, history_end)
    for query in "pqr"
    for candidate, moment, split, history_end in (("a", 1, "train", 0), ("b", 2, "validation", 1), ("c", 3, "test", 2))
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


class _Planted:
    """Ranks candidate `best` on top for everybody, and notes what it is asked."""

    def __init__(self):
        self.fits = []

    def system(self, *bests, is_seeded=False, **identity):
        return systems.System(
            "planted", "planted", tuple({"best": each} for each in bests), is_seeded, self.fit, identity
        )

    def fit(self, data, parameters, seed, directory):
        self.fits.append((parameters["best"], seed))
        scores = np.zeros([5, 1], np.float32)
        scores["abcde".index(parameters["best"])] = 1.0
        return lambda questions, on_block: questions.rank(np.ones([len(questions.examples), 1], np.float32), scores)


def _examiner(data, tmp_path, looks=None, metric="recall_at_1"):
    note = (lambda *look: None) if looks is None else lambda *look: looks.append(look)
    return answering.Examiner(data, "interaction", metric, tmp_path / "work", note)


def test_validation_chooses_and_test_is_looked_at_once(data, tmp_path):
    planted, looks = _Planted(), []
    answered = _examiner(data, tmp_path, looks).examine(planted.system("d", "b", "c"), 1, "test")
    # b is what validation asks for; of test the rank of c is behind d and e, which score the same.
    assert answered.parameters == {"best": "b"}
    assert [each["recall_at_1"] for each in answered.on_validation] == [0.0, 1.0, 0.0]
    assert answered.answers[0].target_ranks.tolist() == [3, 3, 3]
    assert looks == [("planted", 0, "validation")] * 3 + [("planted", 0, "test")]


def test_what_was_answered_is_not_fitted_again_until_something_changes(data, tmp_path):
    planted = _Planted()
    for _ in range(2):
        answered = _examiner(data, tmp_path).examine(planted.system("d", "b"), 1, "test")
    assert planted.fits == [("d", 0), ("b", 0), ("b", 0)]
    assert answered.parameters == {"best": "b"}
    _examiner(data, tmp_path).examine(planted.system("d", "b", history="training"), 1, "test")
    assert len(planted.fits) == 6
    _examiner(data, tmp_path).examine(planted.system("d", "b", "c"), 1, "test")
    assert planted.fits[6:] == [("c", 0)]


def test_a_system_is_answered_once_nothing_of_it_has_to_be_fitted(data, tmp_path):
    planted = _Planted()
    system = planted.system("d", "b", is_seeded=True)
    examiner = _examiner(data, tmp_path)
    assert not examiner.is_answered(system, 1, "test")
    examiner.examine(system, 1, "validation")
    # Validation is answered with every setting, and test with none.
    assert not examiner.is_answered(system, 1, "test")
    examiner.examine(system, 1, "test")
    num_fits = len(planted.fits)
    assert _examiner(data, tmp_path).is_answered(system, 1, "test")
    assert not examiner.is_answered(system, 2, "test")
    assert not examiner.is_answered(planted.system("d", "b", "c", is_seeded=True), 1, "test")
    assert len(planted.fits) == num_fits


def test_each_seed_answers_where_there_are_seeds(data, tmp_path):
    planted = _Planted()
    assert len(_examiner(data, tmp_path).examine(planted.system("d", "b", is_seeded=True), 3, "test").answers) == 3
    # Tuned with the first seed alone.
    assert planted.fits == [("d", 0), ("b", 0), ("b", 0), ("b", 1), ("b", 2)]
    assert len(_examiner(data, tmp_path).examine(planted.system("d"), 3, "test").answers) == 1


def test_without_validation_the_first_choice_is_taken(tmp_path):
    rows = [row for row in _ROWS if row[3] != "validation"]
    data = prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", rows, list("abcde")))
    answered = _examiner(data, tmp_path).examine(_Planted().system("d", "c"), 1, "test")
    assert (answered.parameters, answered.on_validation) == ({"best": "d"}, ())


def _linear(*ranks):
    fit = systems.find("linear_product").fit
    sets = tuple({"objective": "product", "penalty": 1.0, "rank": rank} for rank in ranks)
    return systems.System("linear_product", "linear_product", sets, False, fit)


def test_a_setting_that_the_data_refuse_is_noted_and_not_chosen(data, tmp_path):
    answered = _examiner(data, tmp_path).examine(_linear(128, 2), 1, "test")
    assert answered.parameters["rank"] == 2
    refused, tried = answered.on_validation
    assert refused["refused"].startswith("rank must be between 1 and the 5 candidates of the corpus, but is 128")
    assert "recall_at_1" in tried


def test_data_that_refuse_every_setting_are_an_error(data, tmp_path):
    with pytest.raises(job.ConfigError, match=r"None of the 2 settings of linear_product .* but is 64\. Leave it out"):
        _examiner(data, tmp_path).examine(_linear(128, 64), 1, "test")


def test_a_split_that_asks_for_nothing_new_is_refused(tmp_path):
    rows = [("p", "a", 1, "train", 0), ("p", "a", 2, "test", 1)]
    data = prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", rows, ["a"]))
    with pytest.raises(prepared_data.PreparedDataError, match=r"Every test interaction of .* repeats a candidate"):
        _examiner(data, tmp_path).examine(_Planted().system("a"), 1, "test")
