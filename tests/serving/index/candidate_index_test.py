import numpy as np
import pytest
import tensorflow as tf

from serving.index import brute_force, candidate_index, partitioned, retriever, scann_index
from tests.serving import fresh_process

_LOWEST = -3.4028234663852886e38
_KINDS = pytest.mark.parametrize(
    "make",
    [
        brute_force.BruteForceIndex,
        lambda *corpus: scann_index.ScannIndex(*corpus, k=5),
        lambda *corpus: partitioned.PartitionedIndex(*corpus, k=5),
    ],
    ids=["brute", "scann", "partitioned"],
)


class _FixedIndex(candidate_index.CandidateIndex):
    """Finds the same rows whatever is asked; the vectors of a, b and c are 1, 2 and 3."""

    def __init__(self, rows, scores):
        super().__init__(["a", "b", "c"], np.array([[1.0], [2.0], [3.0]], np.float32), name="fixed")
        self._answer = tf.constant(rows), tf.constant(scores)
        self.asked = []

    @property
    def parameters(self):
        return {}

    @property
    def needs_scann_ops(self):
        return False

    @property
    def vectors(self):
        return tf.constant([[1.0], [2.0], [3.0]])

    def search_rows(self, query_embeddings, num_rows):
        self.asked.append(int(num_rows))
        return self._answer


def _answer(index, queries, k):
    ids, scores = fresh_process.retrieve(retriever.Retriever(index), tf.constant(queries), k)
    return ids.numpy().tolist(), scores.numpy()


def test_rows_become_ids_and_no_row_the_empty_id():
    index = _FixedIndex([[0]], [[0.0]])
    assert index.ids_of(tf.constant([[2, -1, 0], [1, -1, -1]])).numpy().tolist() == [
        [b"c", b"", b"a"],
        [b"b", b"", b""],
    ]


def test_a_query_whose_slots_were_not_filled_is_scored_in_full_and_the_others_keep_their_answer():
    # The first answer is complete, though wrong; it shows that nobody scored it again.
    index = _FixedIndex([[0, 1, 2], [1, -1, -1]], [[9.0, 8.0, 7.0], [2.0, np.nan, np.nan]])
    ids, scores = _answer(index, [[1.0], [-1.0]], 3)
    assert ids == [[b"a", b"b", b"c"], [b"a", b"b", b"c"]]
    # By hand: the vectors 1, 2 and 3 times -1.
    np.testing.assert_allclose(scores, [[9.0, 8.0, 7.0], [-1.0, -2.0, -3.0]])


@pytest.mark.parametrize("k", [3, 5])
def test_an_answer_is_filled_up_where_the_corpus_holds_no_more(k):
    ids, scores = _answer(_FixedIndex([[2, 1, 0]], [[3.0, 2.0, 1.0]]), [[1.0]], k)
    assert ids == [[b"c", b"b", b"a", *[b""] * (k - 3)]]
    np.testing.assert_allclose(scores, [[3.0, 2.0, 1.0, *[_LOWEST] * (k - 3)]])


def test_an_index_is_never_asked_for_more_than_the_corpus():
    index = _FixedIndex([[0, 1, 2]], [[3.0, 2.0, 1.0]])
    _answer(index, [[0.0]], 2000)
    _answer(index, [[0.0]], 3)
    assert index.asked == [3, 3]


@_KINDS
def test_in_a_graph_k_is_one_number_of_the_request(make):
    index = make(["a", "b"], np.eye(2, 3, dtype=np.float32))
    retrieving = retriever.Retriever(index)
    answer = tf.function(
        lambda queries, k: fresh_process.retrieve(retrieving, queries, k),
        input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([], tf.int32)],
    )
    for k in (1, 2, 7):
        ids, scores = answer(tf.constant([[1.0, 0.5, 0.0]] * 4), k)
        assert ids.numpy().tolist() == [[b"a", b"b", *[b""] * 5][:k]] * 4
        np.testing.assert_allclose(scores, [[1.0, 0.5, *[_LOWEST] * 5][:k]] * 4)


@_KINDS
def test_ids_keep_their_bytes(make):
    names = ["é", "a b", "日本", "x" * 300]
    ids, _ = _answer(make(names, np.diag([4.0, 3.0, 2.0, 1.0]).astype(np.float32)), np.ones([1, 4], np.float32), 4)
    assert [each.decode() for each in ids[0]] == names


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
