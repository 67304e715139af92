import numpy as np
import pytest

from pipelines import folding_models
from tfrs_model.diagnostics import planted_groups

pytestmark = pytest.mark.drill


@pytest.mark.parametrize(("num_negatives", "least_gap", "largest_gap"), [(0, -0.5, 0.5), (4, 0.5, 2.0)])
def test_positives_alone_pull_everything_together_and_negatives_part_the_groups(num_negatives, least_gap, largest_gap):
    planted = planted_groups.PlantedGroups(2, 30, 12, 6)
    options = folding_models.FitOptions(embedding_dim=2, num_epochs=40, batch_size=120, learning_rate=0.05)
    fitted = folding_models.FITS["negatives_squared_error"](planted.interactions(0), options, num_negatives, 0)
    scores = fitted.queries @ fitted.candidates.T
    is_own = planted.query_groups[:, np.newaxis] == planted.candidate_groups
    own, across = scores[is_own].mean(), scores[~is_own].mean()
    assert least_gap < own - across < largest_gap
    if not num_negatives:
        assert own == pytest.approx(1.0, abs=0.05)
