"""Our factors beside those of `implicit`, from the same beginning."""

import numpy as np
import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import weighted_als

pytestmark = pytest.mark.drill


@pytest.mark.parametrize("alpha", [0.5, 10.0])
def test_factors_equal_those_of_implicit_with_an_unobserved_weight_of_one_over_alpha(alpha):
    import implicit
    import scipy.sparse

    log = logs.random_log(200, 80, 0.1)
    theirs = implicit.als.AlternatingLeastSquares(
        factors=8, regularization=0.7, alpha=alpha, iterations=5, dtype=np.float64, use_cg=False, use_gpu=False
    )
    ours = weighted_als.WeightedAls(8, 1 / alpha, 0.0, 0.7 / alpha, 5)
    theirs.item_factors = ours._initial(80)
    theirs.user_factors = np.zeros([200, 8])
    chosen = scipy.sparse.csr_matrix((log.weights.astype(np.float64), (log.query_rows, log.candidate_rows)), [200, 80])
    theirs.fit(chosen, show_progress=False)
    fitted = ours.fit(log)
    np.testing.assert_allclose(fitted.query_embeddings, theirs.user_factors, atol=1e-6)
    np.testing.assert_allclose(fitted.candidate_embeddings, theirs.item_factors, atol=1e-6)
