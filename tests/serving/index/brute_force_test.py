import numpy as np
import pytest
import tensorflow as tf

from serving.index import brute_force, retriever
from tests.serving import fresh_process

_QUERIES = fresh_process.vectors(3, seed=1)


def _corpus(num_candidates):
    return [f"c{i}" for i in range(num_candidates)], fresh_process.vectors(num_candidates)


def _answer(index, queries, k):
    return fresh_process.retrieve(retriever.Retriever(index), tf.constant(queries), k)


@pytest.mark.parametrize("num_candidates", [1, 99, 500])
@pytest.mark.parametrize("k", [1, 10, 99, 500, 600])
def test_the_answer_is_that_of_a_full_sort(num_candidates, k):
    names, embeddings = _corpus(num_candidates)
    ids, scores = _answer(brute_force.BruteForceIndex(names, embeddings), _QUERIES, k)
    assert ids.shape == scores.shape == (3, k)
    fresh_process.assert_is_exact_answer(ids.numpy(), scores, names, embeddings, _QUERIES, k)


def test_equal_scores_are_in_corpus_order():
    index = brute_force.BruteForceIndex(["d", "b", "c", "a"], np.array([[1.0], [2.0], [2.0], [1.0]], np.float32))
    ids, scores = _answer(index, [[1.0], [-1.0]], 4)
    assert ids.numpy().tolist() == [[b"b", b"c", b"d", b"a"], [b"d", b"a", b"b", b"c"]]
    assert scores.numpy().tolist() == [[2.0, 2.0, 1.0, 1.0], [-1.0, -1.0, -2.0, -2.0]]


def test_an_empty_batch_has_an_empty_answer():
    names, embeddings = _corpus(5)
    ids, scores = _answer(brute_force.BruteForceIndex(names, embeddings), np.zeros([0, 8], np.float32), 3)
    assert ids.shape == scores.shape == (0, 3)


def test_it_says_what_it_is():
    index = brute_force.BruteForceIndex(*_corpus(5))
    assert (index.name, index.num_candidates, index.embedding_dim, index.efforts) == ("brute_force_index", 5, 8, ())
    assert (index.parameters, index.needs_scann_ops) == ({}, False)
    assert not index.trainable_variables


def test_a_fresh_process_with_tensorflow_alone_gives_the_same_answer(tmp_path):
    requests = []
    for num_candidates in (1, 500):
        index = brute_force.BruteForceIndex(*_corpus(num_candidates))
        export = fresh_process.export_index(index, 8, (1, 600), tmp_path / str(num_candidates))
        requests += [
            {"export": export, "signature": f"top_{k}", "inputs": {"query": _QUERIES.tolist()}} for k in (1, 600)
        ]
    answers = fresh_process.ask(requests)
    for answer, (num_candidates, k) in zip(answers, [(1, 1), (1, 600), (500, 1), (500, 600)], strict=True):
        names, embeddings = _corpus(num_candidates)
        fresh_process.assert_is_exact_answer(answer["ids"], answer["scores"], names, embeddings, _QUERIES, k)
