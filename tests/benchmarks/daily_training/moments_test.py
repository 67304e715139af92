import datetime

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.daily_training import moments
from benchmarks.daily_training.sliced_log import SlicedLog
from tfrs_model import schema as schema_lib


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> tuple[moments.Moments, list[str]]:
    """Query p chose c0 before, and then c1 and c2 at one moment and c0 again later; q chose c30 alone."""
    begin = datetime.datetime(2026, 1, 1)
    rows = [("p", "c0", 0, 0), ("q", "c0", 0, 0), ("p", "c1", 24, 1), ("p", "c2", 24, 1), ("p", "c0", 25, 1)]
    rows += [("q", "c30", 24, 1), *(("z", f"c{each}", 1, 0) for each in range(31))]
    queries, candidates, hours, slices = zip(*rows, strict=True)
    times = [begin + datetime.timedelta(hours=each) for each in hours]
    log = pa.table({"query_id": queries, "candidate_id": candidates, "timestamp": times})
    data = SlicedLog(log, np.array(slices), schema_lib.Schema()).prepare(1, tmp_path_factory.mktemp("moments"))
    return moments.moments_of(data), data.candidate_ids.tolist()


def test_simultaneous_interactions_are_one_question_and_repeats_are_asked_too(asked):
    questions, candidate_ids = asked
    assert questions.owners.tolist() == ["p", "p", "p", "q"]
    assert questions.targets.lengths.tolist() == [2, 1, 1]
    first, second, *later = [candidate_ids[row] for row in questions.targets.rows]
    assert ({first, second}, later) == ({"c1", "c2"}, ["c0", "c30"])
    # Histories: c0 for p at first, then c0, c1, c2; c0 for q.
    assert (questions.examples.history_end - questions.examples.history_begin).tolist() == [1, 3, 1]


def test_a_target_is_a_hit_among_the_first_20_of_the_whole_corpus(asked):
    questions, candidate_ids = asked
    # Candidate c0 scores 31, c1 30 and so on to c30 with 1: the first 20 are c0 to c19.
    counts = np.array([31 - int(each[1:]) for each in candidate_ids])
    assert questions.is_hit_by_counts(counts).tolist() == [True, True, True, False]
    # The other way round c30 is first, and c0 to c10 are not among the first 20.
    assert questions.is_hit_by_counts(-counts).tolist() == [False, False, False, True]
