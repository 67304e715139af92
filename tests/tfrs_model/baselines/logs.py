"""Small logs for baselines, and queries that ask."""

import numpy as np

from tfrs_model.baselines import interactions, query_states

DAY = 24 * 3600 * 1_000_000


def log(rows, num_queries, num_candidates):
    """Returns interactions of (query, candidate) rows, or of (query, candidate, day, weight)."""
    queries, candidates, days, weights = zip(
        *((*row, 0, 1.0)[:4] if len(row) == 2 else row for row in rows), strict=True
    )
    return interactions.Interactions(
        np.array(queries, np.int32),
        np.array(candidates, np.int32),
        np.array(days, np.int64) * DAY,
        np.array(weights, np.float32),
        num_queries,
        num_candidates,
    )


def states(*histories, query_rows=None):
    """Returns one state for each history, of queries 0, 1, 2 and so on."""
    lengths = np.array([len(each) for each in histories], np.int64)
    end = np.cumsum(lengths)
    rows = np.arange(len(histories)) if query_rows is None else np.array(query_rows)
    return query_states.QueryStates(rows, end - lengths, end, np.concatenate([[], *histories]).astype(np.int32))


def random_log(num_queries, num_candidates, share, seed=0):
    """Returns a log in which each pair is chosen with a probability, each query once at least, with random weights."""
    generator = np.random.default_rng(seed)
    chosen = generator.random([num_queries, num_candidates]) < share
    chosen[np.arange(num_queries), generator.integers(0, num_candidates, num_queries)] = True
    queries, candidates = np.nonzero(chosen)
    weights = generator.uniform(0.5, 2.0, len(queries))
    return log(
        list(zip(queries, candidates, np.zeros(len(queries), int), weights, strict=True)), num_queries, num_candidates
    )
