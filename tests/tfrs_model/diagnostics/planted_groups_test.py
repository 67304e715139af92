import numpy as np
import pytest
from scipy import stats

from tfrs_model.diagnostics import planted_groups

_PLANTED = planted_groups.PlantedGroups(3, 400, 6, 2)


def test_every_query_chooses_different_candidates_of_its_own_group_alone():
    log = _PLANTED.interactions(0)
    assert (log.num_queries, log.num_candidates, len(log)) == (1200, 18, 2400)
    assert (log.query_rows // 400 == log.candidate_rows // 6).all()
    chosen = log.candidate_rows.reshape(1200, 2)
    assert (chosen[:, 0] < chosen[:, 1]).all()


def test_all_sets_of_candidates_are_equally_likely():
    chosen = _PLANTED.chosen(0).rows.reshape(1200, 2) % 6
    _, counts = np.unique(chosen[:, 0] * 6 + chosen[:, 1], return_counts=True)
    assert len(counts) == 15  # 6 over 2.
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_log_is_a_function_of_the_seed():
    first, again, other = (_PLANTED.chosen(each).rows for each in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [((1,), "num_groups must be >= 2, but is 1"), ((2, 3, 4, 5), r"chosen_per_query must be in \[1, 4\]")],
)
def test_parameters_out_of_range_are_refused(arguments, sentence):
    with pytest.raises(planted_groups.PlantedGroupsError, match=sentence):
        planted_groups.PlantedGroups(*arguments)
