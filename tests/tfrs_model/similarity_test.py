import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfrs_model import similarity

_NUMBERS = st.floats(-100, 100, width=32)
_SIZES = st.integers(1, 6)


@st.composite
def _queries_and_candidates(draw):
    num_queries, num_candidates, dim = draw(_SIZES), draw(_SIZES), draw(_SIZES)
    shapes = ([num_queries, dim], [num_candidates, dim])
    return [draw(hnp.arrays(np.float32, shape, elements=_NUMBERS)) for shape in shapes]


def _expected(query, candidate, name):
    """The definitions, one pair at a time, in float64."""
    query, candidate = query.astype(np.float64), candidate.astype(np.float64)
    dot, lengths = sum(query * candidate), [np.sqrt(sum(each**2)) for each in (query, candidate)]
    if name == "dot":
        return dot
    if name == "cosine":
        return dot / (max(lengths[0], 0.01) * max(lengths[1], 0.01))
    return -sum((query - candidate) ** 2)


@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean"])
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(_queries_and_candidates())
def test_augmented_vectors_have_the_score_as_their_inner_product(name, both):
    queries, candidates = both
    scores = (
        similarity.augment_queries(queries, name).numpy() @ similarity.augment_candidates(candidates, name).numpy().T
    )
    expected = [[_expected(query, candidate, name) for candidate in candidates] for query in queries]
    largest = max(np.sum(queries**2, axis=1)) + max(np.sum(candidates**2, axis=1))
    # Sums of up to six terms of this size, each rounded to 6e-8 of itself.
    np.testing.assert_allclose(scores, expected, atol=1e-6 * (1.0 if name == "cosine" else largest + 1.0))


@pytest.mark.parametrize("name", ["dot", "cosine", "euclidean"])
@hypothesis.settings(max_examples=60, deadline=None, derandomize=True)
@hypothesis.given(_queries_and_candidates())
def test_pairs_score_as_the_definitions_say(name, both):
    rows = min(map(len, both))
    queries, candidates = (each[:rows] for each in both)
    scores = similarity.score_pairs(queries, candidates, name)
    assert scores.shape == [rows]
    expected = [_expected(*pair, name) for pair in zip(queries, candidates, strict=True)]
    lengths = np.linalg.norm(queries, axis=1) * np.linalg.norm(candidates, axis=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6 * (1.0 + lengths.max()))


@pytest.mark.parametrize(
    ("name", "score", "query", "candidate"),
    [
        ("dot", 8.0, [3, 4], [0, 2]),
        ("cosine", 0.8, [0.6, 0.8], [0, 1]),
        # By hand: (3, 4) - (0, 2) = (3, 2), 9 + 4 = 13; and 6 * 0 + 8 * 2 - 25 * 1 - 1 * 4 = -13.
        ("euclidean", -13.0, [6, 8, -25, 1], [0, 2, 1, -4]),
    ],
)
def test_three_four_and_zero_two_score_as_the_docstrings_say(name, score, query, candidate):
    queries, candidates = tf.constant([[3.0, 4.0]]), tf.constant([[0.0, 2.0]])
    np.testing.assert_allclose(similarity.score_pairs(queries, candidates, name), [score], rtol=1e-6)
    np.testing.assert_allclose(similarity.augment_queries(queries, name), [query], rtol=1e-6)
    np.testing.assert_allclose(similarity.augment_candidates(candidates, name), [candidate], rtol=1e-6)


def test_rows_shorter_than_a_hundredth_are_not_stretched_to_length_one():
    rows = tf.constant([[3.0, 4.0], [0.003, 0.004], [0.0, 0.0]])
    np.testing.assert_allclose(similarity.scale_to_unit_length(rows), [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], rtol=1e-5)


def test_on_vectors_of_length_one_all_three_rank_alike():
    generator = np.random.default_rng(0)
    queries, candidates = (
        similarity.scale_to_unit_length(tf.constant(generator.normal(size=[rows, 5]))) for rows in (7, 20)
    )
    dot, cosine, euclidean = (
        tf.matmul(
            similarity.augment_queries(queries, name),
            similarity.augment_candidates(candidates, name),
            transpose_b=True,
        ).numpy()
        for name in ("dot", "cosine", "euclidean")
    )
    np.testing.assert_allclose(cosine, dot, atol=1e-12)
    # |a - b|^2 = 2 (1 - cos).
    np.testing.assert_allclose(-euclidean, 2.0 * (1.0 - cosine), atol=1e-12)
    np.testing.assert_array_equal(np.argsort(dot, axis=1), np.argsort(euclidean, axis=1))


def test_close_vectors_far_from_the_origin_keep_their_distance():
    # In float32 the lengths, of about 1e8, would cancel to a multiple of 8.
    queries, candidates = tf.constant([[1e4, 0.0]]), tf.constant([[1e4, 0.5]])
    np.testing.assert_array_equal(similarity.score_pairs(queries, candidates, "euclidean"), [-0.25])


@pytest.mark.parametrize("function", [similarity.augment_queries, similarity.augment_candidates])
def test_an_unknown_similarity_is_refused_with_the_known_ones(function):
    sentence = "similarity must be one of dot, cosine, euclidean, but is 'manhattan'"
    with pytest.raises(ValueError, match=sentence):
        function(tf.zeros([1, 2]), "manhattan")
    with pytest.raises(ValueError, match=sentence):
        similarity.score_pairs(tf.zeros([1, 2]), tf.zeros([1, 2]), "manhattan")
