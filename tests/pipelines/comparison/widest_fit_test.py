import dataclasses

import numpy as np
import pytest

from pipelines import prepared_data
from pipelines.comparison import baselines, questions, systems, widest_fit
from tests.pipelines import prepared_tables
from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import co_occurrence

_ROWS = [
    (query, candidate, 1, "train", 0)
    for query, chosen in (("p", "abc"), ("q", "abd"), ("r", "ae"), ("s", "bcde"))
    for candidate in chosen
]


@pytest.fixture
def data(tmp_path):
    return prepared_data.read_prepared_data(prepared_tables.write(tmp_path / "prepared", _ROWS, list("abcde")))


@dataclasses.dataclass
class _Counted:
    """A baseline that notes with what it is fitted."""

    normalisation: str
    num_neighbours: int = 7
    fits = []

    def fit(self, log):
        self.fits.append((self.normalisation, self.num_neighbours))
        return co_occurrence.CoOccurrence(self.normalisation, self.num_neighbours).fit(log)


@pytest.fixture
def counted():
    _Counted.fits.clear()
    return baselines.Baseline(_Counted, cut_by="num_neighbours")


def _sets(*numbers):
    return tuple({"normalisation": each, "num_neighbours": n} for each in ("cosine", "jaccard") for n in numbers)


def test_one_fit_of_the_most_neighbours_answers_as_each_number_by_itself(data, counted):
    sets, log, states = _sets(2, 1, 3), questions.training_interactions(data), logs.states([0], [1, 4], [])
    fits = widest_fit.WidestFit(counted, sets)
    for each in sets:
        alone = co_occurrence.CoOccurrence(**each).fit(log)
        np.testing.assert_array_equal(fits.fit(data, each, 0).scores(states), alone.scores(states))
    assert _Counted.fits == [("cosine", 3), ("jaccard", 3)]


def test_parameters_of_a_file_are_fitted_as_they_are(data, counted):
    fits = widest_fit.WidestFit(counted, ({"normalisation": "cosine"},))
    fits.fit(data, {"normalisation": "cosine"}, 0)
    assert _Counted.fits == [("cosine", 7)]


def test_every_baseline_that_is_cut_has_what_it_is_cut_by(data):
    cut = {name: each for name, each in baselines.BASELINES.items() if each.cut_by is not None}
    assert set(cut) == {"co_occurrence"}
    system = systems.find("co_occurrence")
    for parameters in system.parameter_sets[:2]:
        assert system.fit(data, parameters, 0, None) is not None
