import numpy as np

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import own_frequency


def test_own_choices_come_first_and_popularity_orders_the_rest():
    fitted = own_frequency.OwnFrequency().fit(logs.log([(0, 3), (0, 3), (0, 3), (1, 2), (1, 2), (1, 0)], 2, 5))
    scores = fitted.scores(logs.states([1, 0, 1], []))
    assert np.argsort(-scores, kind="stable").tolist() == [[1, 0, 3, 2, 4], [3, 2, 0, 1, 4]]
