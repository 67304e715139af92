import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csgraph

from tests.tfrs_model.baselines import logs
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.diagnostics import co_occurrence_groups as groups_lib


def _same_parts(first, second):
    """Returns whether two labellings are one but for the names."""
    return len({*zip(first, second, strict=True)}) == len({*first}) == len({*second})


def test_groups_that_never_occur_together_are_the_connected_components():
    generator = np.random.default_rng(0)
    # Groups of very different sizes, in no order, chosen with very different popularity.
    group_of = generator.permutation(np.repeat(np.arange(5), [3, 4, 9, 20, 40]))
    popularity = generator.pareto(1.0, len(group_of)) + 0.1
    rows = []
    for query in range(400):
        own = np.flatnonzero(group_of == query % 5)
        share = popularity[own] / popularity[own].sum()
        rows += [(query, each) for each in generator.choice(own, 3, replace=False, p=share)]
    log = logs.log(rows, 400, len(group_of))
    chosen = log.matrix()
    count, components = csgraph.connected_components(chosen.T @ chosen)
    num_chosen = int((log.counts > 0).sum())
    assert count == 5 + len(group_of) - num_chosen
    found = groups_lib.co_occurrence_groups(log, 5)
    is_chosen = log.counts > 0
    assert _same_parts(found[is_chosen], components[is_chosen])
    assert (found[~is_chosen] == 5).all()


def test_planted_groups_are_found_where_a_tenth_of_what_is_chosen_is_from_anywhere():
    generator = np.random.default_rng(1)
    rows = set()
    for query in range(300):
        for _ in range(12):
            own = generator.random() > 0.1
            rows.add((query, int(generator.integers(20) * 4 + query % 4 if own else generator.integers(80))))
    found = groups_lib.co_occurrence_groups(logs.log(sorted(rows), 300, 80), 4)
    assert _same_parts(found, np.arange(80) % 4)


def test_memory_does_not_grow_with_queries_times_candidates():
    log = logs.log([(query, query % 4 * 25 + query % 25) for query in range(4000)], 1_000_000, 100)
    tracemalloc.start()
    groups_lib.co_occurrence_groups(log, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A dense matrix of float32 alone would take 400 MB.
    assert peak < 100e6


def test_what_cannot_be_parted_is_refused():
    log = logs.log([(0, 0), (1, 1)], 2, 3)
    assert _same_parts(groups_lib.co_occurrence_groups(log, 2), [0, 1, 2])
    with pytest.raises(groups_lib.CoOccurrenceGroupsError, match=r"must be in \[2, 2\], the rank.*but is 3"):
        groups_lib.co_occurrence_groups(log, 3)
    one = np.zeros(1, np.int64)
    many = interactions_lib.Interactions(one, one, one, np.ones(1, np.float32), 1, 10_001)
    with pytest.raises(groups_lib.CoOccurrenceGroupsError, match="at most 10,000 candidates, but there are 10,001"):
        groups_lib.co_occurrence_groups(many, 2)
