import numpy as np
import pytest

from pipelines import folding_models
from tfrs_model.diagnostics import planted_groups

_PLANTED = planted_groups.PlantedGroups(2, 30, 12, 6)


@pytest.mark.parametrize(("name", "dose"), [("gravity", 100.0), ("unobserved_weight", 0.1)])
def test_the_dose_of_a_factorisation_is_its_own_parameter(name, dose):
    options = folding_models.FitOptions(embedding_dim=2)
    fitted = folding_models.FITS[name](_PLANTED.interactions(0), options, dose, 0)
    scores = fitted.queries @ fitted.candidates.T
    is_own = _PLANTED.query_groups[:, np.newaxis] == _PLANTED.candidate_groups
    assert scores[is_own].mean() > 0.5
    assert abs(scores[~is_own].mean()) < 0.05
