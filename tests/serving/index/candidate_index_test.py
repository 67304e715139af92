import numpy as np
import pytest
import tensorflow as tf

from serving.index import brute_force, candidate_index, scann_index

_LOWEST = -3.4028234663852886e38
_KINDS = pytest.mark.parametrize(
    "make", [brute_force.BruteForceIndex, lambda *corpus: scann_index.ScannIndex(*corpus, k=5)], ids=["brute", "scann"]
)


class _FixedIndex(candidate_index.CandidateIndex):
    """Finds the same rows whatever is asked."""

    def __init__(self, rows, scores):
        super().__init__(["a", "b", "c"], np.ones([3, 2], np.float32), name="fixed")
        self._answer = tf.constant(rows), tf.constant(scores)
        self.asked = []

    @property
    def parameters(self):
        return {}

    @property
    def needs_scann_ops(self):
        return False

    def search_rows(self, query_embeddings, k):
        self.asked.append(k)
        return self._answer


def test_rows_become_ids_and_slots_not_found_become_filling():
    index = _FixedIndex([[2, -1, 0], [1, -1, -1]], [[0.9, np.nan, 0.1], [0.5, np.nan, np.nan]])
    ids, scores = index.search(tf.zeros([2, 2]), 3)
    assert ids.numpy().tolist() == [[b"c", b"", b"a"], [b"b", b"", b""]]
    np.testing.assert_allclose(scores, [[0.9, _LOWEST, 0.1], [0.5, _LOWEST, _LOWEST]])


@pytest.mark.parametrize("k", [3, 5])
def test_an_answer_shorter_than_k_is_filled_up(k):
    ids, scores = _FixedIndex([[2, 0]], [[0.9, 0.1]]).search(tf.zeros([1, 2]), k)
    assert ids.numpy().tolist() == [[b"c", b"a", *[b""] * (k - 2)]]
    np.testing.assert_allclose(scores, [[0.9, 0.1, *[_LOWEST] * (k - 2)]])


def test_an_index_is_never_asked_for_more_than_the_corpus():
    index = _FixedIndex([[0, 1, 2]], [[3.0, 2.0, 1.0]])
    index.search(tf.zeros([1, 2]), 2000)
    index.search(tf.zeros([1, 2]), 3)
    assert index.asked == [3, 3]


@_KINDS
def test_in_a_graph_the_answer_has_a_static_width(make):
    index = make(["a", "b"], np.ones([2, 3], np.float32))
    search = tf.function(lambda queries: index.search(queries, 7)).get_concrete_function(tf.TensorSpec([None, 3]))
    assert [output.shape.as_list() for output in search.structured_outputs] == [[None, 7], [None, 7]]


@_KINDS
def test_ids_keep_their_bytes(make):
    names = ["é", "a b", "日本", "x" * 300]
    ids, _ = make(names, np.diag([4.0, 3.0, 2.0, 1.0]).astype(np.float32)).search(tf.ones([1, 4]), 4)
    assert [each.decode() for each in ids.numpy()[0]] == names


@_KINDS
@pytest.mark.parametrize(
    ("names", "shape", "sentence"),
    [
        (["a", "b", "a", "b"], [4, 2], "Candidate ids must be unique, but 'a' comes more than once."),
        (["a", "b", ""], [3, 2], "Candidate ids must not be empty: the empty id marks a missing answer."),
        (["a", "b"], [3, 2], r"there are 2 ids and vectors of shape \[3, 2\]."),
        (
            ["a", "b"],
            [2],
            r"Every candidate needs one id and one vector, but there are 2 ids and vectors of shape \[2\].",
        ),
        ([], [0, 2], "The corpus must hold at least one candidate, but is empty."),
    ],
)
def test_ids_and_vectors_that_form_no_corpus_are_refused(make, names, shape, sentence):
    with pytest.raises(candidate_index.CandidateIndexError, match=sentence):
        make(names, np.ones(shape, np.float32))


@_KINDS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_by_id(make, value):
    embeddings = np.ones([3, 2], np.float32)
    embeddings[1, 1] = value
    with pytest.raises(
        candidate_index.CandidateIndexError, match=r"Candidate vectors must be finite, but that of 'second' is not\."
    ):
        make(["first", "second", "third"], embeddings)


@_KINDS
def test_ids_that_are_no_text_are_refused(make):
    with pytest.raises(candidate_index.CandidateIndexError, match="Candidate ids must be text, but b'a' is a bytes"):
        make([b"a", "b"], np.eye(2, dtype=np.float32))
