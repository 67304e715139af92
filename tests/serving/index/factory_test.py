import numpy as np
import pytest
import tensorflow as tf

from serving.index import brute_force, candidate_index, factory, scann_index
from tests.serving import fresh_process


def _build(kind, num_candidates, dim=4):
    return factory.build_index(
        kind, [str(i) for i in range(num_candidates)], fresh_process.vectors(num_candidates, dim), 10
    )


@pytest.mark.parametrize(
    ("kind", "num_candidates", "expected"),
    [
        ("brute_force", 5, brute_force.BruteForceIndex),
        ("brute_force", 20_000, brute_force.BruteForceIndex),
        ("scann", 5, scann_index.ScannIndex),
        ("auto", 5, brute_force.BruteForceIndex),
        ("auto", 19_999, brute_force.BruteForceIndex),
        ("auto", 20_000, scann_index.ScannIndex),
    ],
)
def test_the_kind_is_what_was_asked_for_and_auto_goes_by_the_size(kind, num_candidates, expected):
    index = _build(kind, num_candidates)
    assert type(index) is expected
    assert index.num_candidates == num_candidates


def test_an_index_of_the_size_from_which_scann_quantises_finds_nearly_all_of_the_exact_ten():
    embeddings = fresh_process.vectors(20_000, 16)
    index = factory.build_index("auto", [str(i) for i in range(20_000)], embeddings, 10)
    queries = fresh_process.vectors(50, 16, seed=1)
    ids, _ = index.search(tf.constant(queries), 10)
    exact = np.argsort(-(queries @ embeddings.T), axis=1)[:, :10]
    found = [np.isin(mine.astype(int), theirs).mean() for mine, theirs in zip(ids.numpy(), exact, strict=True)]
    assert np.mean(found) > 0.95


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(
        candidate_index.CandidateIndexError, match=r"index must be one of auto, brute_force, scann, but is 'annoy'\."
    ):
        _build("annoy", 5)
