import pytest

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import interactions, recent_popularity

_LOG = logs.log([(0, 0, 0, 1), (1, 1, 13, 1), (1, 1, 14, 1), (0, 2, 41, 1)], 2, 3)


@pytest.mark.parametrize(
    ("num_days", "counts"), [(28, [0, 1, 1]), (28.5, [0, 2, 1]), (0.5, [0, 0, 1]), (99, [1, 2, 1])]
)
def test_the_last_days_before_the_newest_interaction_count_without_their_older_end(num_days, counts):
    fitted = recent_popularity.RecentPopularity(num_days).fit(_LOG)
    assert fitted.scores(logs.states([])).tolist() == [counts]


def test_an_empty_window_is_refused():
    with pytest.raises(interactions.InteractionsError, match="A window must be > 0 days long, but is 0"):
        recent_popularity.RecentPopularity(0)
