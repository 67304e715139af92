import numpy as np

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import popularity


def test_everybody_is_answered_with_counts_whatever_the_weights():
    fitted = popularity.Popularity().fit(logs.log([(0, 1, 0, 9.0), (1, 2, 0, 0.1), (2, 2, 5, 0.1)], 3, 4))
    scores = fitted.scores(logs.states([1], []))
    assert scores.dtype == np.float32
    assert scores.tolist() == [[0, 1, 2, 0]] * 2
    assert fitted.candidate_embeddings.shape == (4, 1)


def test_counts_near_the_limit_of_float32_stay_apart():
    counts = np.array([2**24 - 1, 2**24])
    assert len(np.unique(popularity.SameForAll(counts).scores(logs.states([])))) == 2
