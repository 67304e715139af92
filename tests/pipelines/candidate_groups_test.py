import numpy as np
import pyarrow as pa
import pytest

from pipelines import candidate_groups, prepared_data
from tests import planted_log

_CORPUS = pa.table(
    {"candidate_id": ["a", "b", "c"], "aisle": ["tea", "", "tea"], "year": [1990, None, 1991], "tags": [[], [], []]}
)


def test_a_column_groups_candidates_by_its_values():
    groups = candidate_groups.by_column(_CORPUS, "aisle")
    assert [groups.groups[label] for label in groups.labels] == ["tea", "(missing)", "tea"]
    groups = candidate_groups.by_column(_CORPUS, "year")
    assert [groups.groups[label] for label in groups.labels] == ["1990", "(missing)", "1991"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("shelf", "candidate_id, aisle, year, tags, but is 'shelf'"), ("tags", "several values for a candidate")],
)
def test_a_column_that_gives_no_groups_is_refused(name, sentence):
    with pytest.raises(candidate_groups.CandidateGroupsError, match=sentence):
        candidate_groups.by_column(_CORPUS, name)


def test_planted_groups_are_found_by_who_chooses_together(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    groups = candidate_groups.by_co_occurrence(data, planted_log.NUM_GROUPS)
    planted = np.array([planted_log.group_of(each) for each in data.candidate_ids])
    counts = [np.bincount(planted[groups.labels == label], minlength=4).max() for label in range(4)]
    # A few that are popular with all queries may go anywhere, and so may what hardly anybody chose.
    assert sum(counts) >= 0.9 * len(planted)
    assert len({int(np.argmax(np.bincount(planted[groups.labels == label]))) for label in range(4)}) == 4
