import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.index import candidate_index, partitioned, retriever
from tests.serving import fresh_process
from tests.serving.index import corpora

_NUM_CANDIDATES = 400
_VECTORS = corpora.adversarial(_NUM_CANDIDATES)
_NAMES = corpora.names(_NUM_CANDIDATES)
_QUERIES = corpora.adversarial(70, seed=1)


def _index(num_leaves_to_search=3, storage="float32", vectors=_VECTORS):
    parameters = partitioned.PartitionedParameters(20, num_leaves_to_search, storage)
    return partitioned.PartitionedIndex(_NAMES, vectors, 10, parameters)


def _num_bytes(index):
    return sum(each.dtype.size * int(np.prod(each.shape)) for each in index.variables if each.dtype != tf.string)


def test_float16_takes_half_the_memory_of_the_vectors_and_scores_to_a_thousandth():
    vectors, queries = fresh_process.vectors(_NUM_CANDIDATES), fresh_process.vectors(20, seed=1)
    whole, half = _index(vectors=vectors), _index(storage="float16", vectors=vectors)
    assert _num_bytes(whole) - _num_bytes(half) == vectors.size * 2
    assert half.vectors.dtype == tf.float16
    assert half.vectors_of(tf.constant([0])).dtype == half.scores_of_all(tf.constant(queries[0])).dtype == tf.float32
    half.search_leaves(half.num_leaves)
    rows, scores = (each.numpy() for each in half.search_rows(tf.constant(queries), 10))
    exact = queries @ vectors[half.order].T
    np.testing.assert_allclose(scores, np.take_along_axis(exact, rows, axis=1), atol=1e-3)
    # What differs from the exact ten is as good to a thousandth.
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1)[:, :10], atol=1e-3)


@pytest.mark.parametrize("value", [65_520.0, -1e6])
def test_values_beyond_float16_are_refused_where_it_is_stored(value):
    vectors = _VECTORS.copy()
    vectors[7, 3] = value
    assert _index(vectors=vectors).num_candidates == _NUM_CANDIDATES
    with pytest.raises(
        candidate_index.CandidateIndexError, match=r"must lie within \+-65504, but some do not; use storage float32\."
    ):
        _index(storage="float16", vectors=vectors)


@pytest.mark.parametrize("storage", ["float32", "float16"])
@pytest.mark.parametrize("numbers_per_block", [1, 10_000, 1 << 21])
def test_a_batch_answers_as_its_queries_one_by_one(monkeypatch, storage, numbers_per_block):
    # Read one by one, a few together with a shorter last block, and all at once.
    monkeypatch.setattr(partitioned, "_MAX_NUMBERS_PER_BLOCK", numbers_per_block)
    index = _index(storage=storage)
    rows, scores = index.search_rows(tf.constant(_QUERIES), 12)
    monkeypatch.undo()
    for query, mine, theirs in zip(_QUERIES, rows.numpy(), scores.numpy(), strict=True):
        alone, alone_scores = (each.numpy()[0] for each in index.search_rows(tf.constant([query]), 12))
        np.testing.assert_array_equal(mine, alone)
        np.testing.assert_allclose(theirs, alone_scores, rtol=1e-5, atol=1e-5)


def test_an_empty_batch_has_an_empty_answer():
    rows, scores = _index().search_rows(tf.zeros([0, 8]), 3)
    assert rows.shape == scores.shape == (0, 3)


def test_nothing_is_found_twice_though_leaves_list_the_same():
    for num_leaves_to_search in (1, 5, 20):
        index = _index(num_leaves_to_search)
        for k in (1, 30, 400):
            for found in index.search_rows(tf.constant(_QUERIES), k)[0].numpy():
                assert len(set(found[found >= 0])) == np.sum(found >= 0)


def test_more_leaves_find_more_and_deeper_answers_read_more_leaves():
    tenth = -np.sort(-(_QUERIES @ _VECTORS.T), axis=1)[:, 9:10]
    index = _index()
    recalls = []
    for num_leaves_to_search in (1, 4, index.num_leaves):
        index.search_leaves(num_leaves_to_search)
        assert index.parameters["num_leaves_to_search"] == num_leaves_to_search
        # By scores, since some of the vectors are the same.
        recalls.append(np.mean(index.search_rows(tf.constant(_QUERIES), 10)[1] >= tenth - 1e-5))
    assert recalls[0] < recalls[1] < recalls[2] == 1.0


def test_deeper_answers_read_more_leaves():
    vectors = corpora.adversarial(4_000)
    index = partitioned.PartitionedIndex(corpora.names(4_000), vectors, 10, partitioned.PartitionedParameters(100, 2))
    # A hundredth of the corpus is as deep as it is tuned for; by the rule of thumb four times as deep in twice as many.
    assert index.max_depth == 40
    assert index.parameters["leaves_by_depth"] == {"10": 2, "40": 4}
    found = []
    for effort in reversed(index.efforts):
        found.append(int(np.sum(index.search_rows(tf.constant(_QUERIES), 4_000)[0] >= 0)))
        effort.set(8)
    found.append(int(np.sum(index.search_rows(tf.constant(_QUERIES), 4_000)[0] >= 0)))
    # What is set for 10 does not count for 4,000.
    assert found[0] < found[1] == found[2]
    assert index.parameters["leaves_by_depth"] == {"10": 8, "40": 8}


def test_it_says_what_it_is():
    index = _index(storage="float16")
    assert (index.name, index.num_candidates, index.embedding_dim) == ("partitioned_index", 400, 8)
    assert not index.needs_scann_ops
    assert not index.trainable_variables
    # Some of the twenty leaves were large and have been split.
    assert index.num_leaves >= 20
    assert json.loads(json.dumps(index.parameters)) == {
        "num_leaves": index.num_leaves,
        "num_leaves_to_search": 3,
        "storage": "float16",
        "leaves_by_depth": {"10": 3, "40": 6},
    }


@pytest.mark.parametrize(
    ("num_candidates", "num_leaves", "num_leaves_to_search"),
    # By hand: below 1,000 one leaf; then 8 sqrt(n), at least 8 vectors each, and of these one in 200, at least 8.
    [(1, 1, 1), (999, 1, 1), (1_000, 125, 8), (10_000, 800, 8), (1_000_000, 8_000, 40), (4_000_000, 16_000, 80)],
)
def test_leaves_are_sized_by_the_corpus(num_candidates, num_leaves, num_leaves_to_search):
    parameters = partitioned.PartitionedParameters.for_corpus(num_candidates, "float16")
    assert parameters == partitioned.PartitionedParameters(num_leaves, num_leaves_to_search, "float16")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((10, 0), r"num_leaves_to_search must be between 1 and num_leaves \(10\), but is 0\."),
        ((10, 11), r"num_leaves_to_search must be between 1 and num_leaves \(10\), but is 11\."),
        ((0, 0), r"num_leaves_to_search must be between 1 and num_leaves \(0\), but is 0\."),
        ((1, 1, "int8"), r"storage must be one of float32, float16, but is 'int8'\."),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(values, sentence):
    with pytest.raises(candidate_index.CandidateIndexError, match=sentence):
        partitioned.PartitionedParameters(*values)


def test_more_leaves_than_there_are_cannot_be_searched():
    index = _index()
    with pytest.raises(candidate_index.CandidateIndexError, match=f"but is {index.num_leaves + 1}"):
        index.search_leaves(index.num_leaves + 1)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    root = tmp_path_factory.mktemp("partitioned")
    indexes = {storage: _index(storage=storage) for storage in ("float32", "float16")}
    return {
        storage: (index, fresh_process.export_index(index, 8, (1, 300, 410), root / storage))
        for storage, index in indexes.items()
    }


def test_the_saved_model_holds_stock_operations_only(exports):
    for _, export in exports.values():
        with open(f"{export}/saved_model.pb", "rb") as file:
            (meta_graph,) = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs
        functions = meta_graph.graph_def.library.function
        names = {node.op for function in functions for node in function.node_def}
        names |= {node.op for node in meta_graph.graph_def.node}
        assert {"MatMul", "TopKV2"} <= names
        # What a library adds is named after it, as in `Scann>ScannSearchBatched`.
        own = {function.signature.name for function in functions}
        assert [each for each in names - own if ">" in each] == []
        assert "PyFunc" not in names
        assert "EagerPyFunc" not in names


def test_a_fresh_process_with_tensorflow_alone_gives_the_same_answer(exports):
    keys = [(storage, k) for storage in exports for k in (1, 300, 410)]
    requests = [
        {"export": exports[storage][1], "signature": f"top_{k}", "inputs": {"query": _QUERIES[:3].tolist()}}
        for storage, k in keys
    ]
    for answer, (storage, k) in zip(fresh_process.ask(requests), keys, strict=True):
        index = exports[storage][0]
        ids, scores = fresh_process.retrieve(retriever.Retriever(index), tf.constant(_QUERIES[:3]), k)
        assert answer["ids"] == [[each.decode() for each in row] for row in ids.numpy()]
        np.testing.assert_allclose(answer["scores"], scores, rtol=1e-5, atol=1e-6)
        assert np.sum(ids.numpy() != b"") == 3 * min(k, 400)
