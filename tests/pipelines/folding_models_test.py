import numpy as np
import pytest

from pipelines import folding_models
from tfrs_model.diagnostics import planted_groups

_PLANTED = planted_groups.PlantedGroups(2, 30, 12, 6)
_OPTIONS = folding_models.FitOptions(embedding_dim=2, num_epochs=40, batch_size=120, learning_rate=0.05)


def _mean_scores(name, dose):
    """Returns the mean score of pairs within groups and across."""
    fitted = folding_models.FITS[name](_PLANTED.interactions(0), _OPTIONS, dose, 0)
    scores = fitted.queries @ fitted.candidates.T
    is_own = _PLANTED.query_groups[:, np.newaxis] == _PLANTED.candidate_groups
    return scores[is_own].mean(), scores[~is_own].mean()


def test_positives_alone_pull_everything_together_and_negatives_part_the_groups():
    own, across = _mean_scores("negatives_squared_error", 0)
    assert own == pytest.approx(1.0, abs=0.05)
    assert across > 0.5
    own, across = _mean_scores("negatives_squared_error", 4)
    assert own > across + 0.5


@pytest.mark.parametrize(("name", "dose"), [("gravity", 100.0), ("unobserved_weight", 0.1)])
def test_the_dose_of_a_factorisation_is_its_own_parameter(name, dose):
    own, across = _mean_scores(name, dose)
    assert own > 0.5
    assert abs(across) < 0.05
