import json

import numpy as np
import pytest
import tensorflow as tf

from serving.index import candidate_index, retriever, scann_index
from tests.serving import fresh_process
from tests.serving.index import corpora

_SIZES = (1, 99, 100, 500)
_QUERIES = fresh_process.vectors(3, seed=1)


def _corpus(num_candidates):
    return [f"c{i}" for i in range(num_candidates)], fresh_process.vectors(num_candidates)


def _ks(num_candidates):
    return sorted({1, num_candidates, num_candidates + 7})


@pytest.fixture(scope="module")
def fresh_answers(tmp_path_factory):
    """Every size and k, a corpus turned round, and a partitioned one, all loaded by one process."""
    root = tmp_path_factory.mktemp("scann")
    wanted = {}
    for size in _SIZES:
        names, embeddings = _corpus(size)
        index = scann_index.ScannIndex(names, embeddings, k=1)
        wanted[size] = (fresh_process.export_index(index, 8, _ks(size), root / str(size)), _ks(size))
    names, embeddings = _corpus(100)
    opposite = scann_index.ScannIndex(names, -embeddings, k=1)
    wanted["opposite"] = (fresh_process.export_index(opposite, 8, (100,), root / "opposite"), (100,))
    few_leaves = fresh_process.export_index(_few_leaves(), 8, (50,), root / "few_leaves")
    wanted["few_leaves"] = (few_leaves, (50,))
    keys = [(name, k) for name, (_, ks) in wanted.items() for k in ks]
    requests = [
        {"export": wanted[name][0], "signature": f"top_{k}", "inputs": {"query": _QUERIES.tolist()}} for name, k in keys
    ]
    # Asked in both orders, so that whichever searcher was built first, every other one answers after it.
    answers = fresh_process.ask([*requests, *reversed(requests)], ["scann"])
    assert answers[: len(keys)] == answers[: len(keys) - 1 : -1]
    return dict(zip(keys, answers, strict=False))


def _few_leaves():
    parameters = scann_index.ScannParameters(
        num_leaves=20, num_leaves_to_search=1, dimensions_per_block=0, num_reordering_candidates=0
    )
    return scann_index.ScannIndex(*_corpus(200), k=50, parameters=parameters)


def _answer(index, queries, k):
    ids, scores = fresh_process.retrieve(retriever.Retriever(index), tf.constant(queries), k)
    return ids.numpy(), scores.numpy()


@pytest.mark.parametrize("num_candidates", _SIZES)
def test_below_20_000_candidates_the_answer_is_that_of_a_full_sort(num_candidates):
    names, embeddings = _corpus(num_candidates)
    index = scann_index.ScannIndex(names, embeddings, k=10)
    for k in _ks(num_candidates):
        ids, scores = _answer(index, _QUERIES, k)
        assert ids.shape == scores.shape == (3, k)
        fresh_process.assert_is_exact_answer(ids, scores, names, embeddings, _QUERIES, k)


@pytest.mark.parametrize("num_candidates", _SIZES)
def test_a_fresh_process_that_imports_only_scann_gives_the_same_answer(fresh_answers, num_candidates):
    names, embeddings = _corpus(num_candidates)
    for k in _ks(num_candidates):
        answer = fresh_answers[num_candidates, k]
        fresh_process.assert_is_exact_answer(answer["ids"], answer["scores"], names, embeddings, _QUERIES, k)


def test_two_exports_in_one_process_do_not_answer_for_each_other(fresh_answers):
    names, embeddings = _corpus(100)
    for name, vectors in ((100, embeddings), ("opposite", -embeddings)):
        answer = fresh_answers[name, 100]
        fresh_process.assert_is_exact_answer(answer["ids"], answer["scores"], names, vectors, _QUERIES, 100)


def test_slots_that_the_searched_leaves_cannot_fill_are_marked():
    _, embeddings = _corpus(200)
    exact = _QUERIES @ embeddings.T
    rows, scores = (each.numpy() for each in _few_leaves().search_rows(tf.constant(_QUERIES), 50))
    # As wide as the fullest answer.
    assert rows.shape == scores.shape == (3, np.max(np.sum(rows >= 0, axis=1)))
    for mine, theirs, truth in zip(rows, scores, exact, strict=True):
        # One leaf in twenty of 200 candidates is read, and none is so large.
        num_found = int(np.sum(mine >= 0))
        assert num_found < 50
        assert len(set(mine[:num_found])) == num_found
        np.testing.assert_array_equal(mine[num_found:], -1)
        np.testing.assert_allclose(theirs[:num_found], truth[mine[:num_found]], atol=1e-6)
        assert np.all(np.diff(theirs[:num_found]) <= 0)


def test_where_the_searched_leaves_hold_too_few_the_answer_is_that_of_a_full_sort(fresh_answers):
    names, embeddings = _corpus(200)
    fresh_process.assert_is_exact_answer(*_answer(_few_leaves(), _QUERIES, 50), names, embeddings, _QUERIES, 50)
    answer = fresh_answers["few_leaves", 50]
    fresh_process.assert_is_exact_answer(answer["ids"], answer["scores"], names, embeddings, _QUERIES, 50)


@pytest.mark.parametrize("k", [20, 21, 150, 300, 310])
def test_an_answer_longer_than_what_is_reordered_is_not_cut(k):
    names, embeddings = _corpus(300)
    parameters = scann_index.ScannParameters(0, 0, 2, num_reordering_candidates=20)
    index = scann_index.ScannIndex(names, embeddings, 10, parameters)
    depth = min(k, 300)
    # The index itself finds so many; nothing else fills its answer up.
    rows, _ = index.search_rows(tf.constant(_QUERIES), depth)
    assert rows.shape == (3, depth)
    assert np.all(rows.numpy() >= 0)
    ids, scores = _answer(index, _QUERIES, k)
    assert np.all(np.sum(ids != b"", axis=1) == depth)
    exact = _QUERIES @ embeddings.T
    for row in range(3):
        found = [names.index(each.decode()) for each in ids[row] if each]
        assert len(set(found)) == depth
        np.testing.assert_allclose(scores[row, :depth], exact[row, found], atol=1e-6)


def test_deep_answers_of_codes_without_leaves_are_reordered_as_deep_as_they_need():
    generator = np.random.default_rng(0)
    vectors, queries = (generator.standard_normal((size, 16), np.float32) for size in (3_000, 4))
    parameters = scann_index.ScannParameters(0, 0, 2, num_reordering_candidates=50)
    index = scann_index.ScannIndex(corpora.names(3_000), vectors, 10, parameters)
    rows = index.search_rows(tf.constant(queries), 500)[0].numpy()
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :500]
    # Codes of two dimensions find 8 of 10 by themselves.
    assert np.mean([np.isin(exact[query], rows[query]).mean() for query in range(4)]) > 0.93


def test_a_quantised_index_that_reorders_everything_is_exact():
    names, embeddings = _corpus(300)
    parameters = scann_index.ScannParameters(10, 10, 2, num_reordering_candidates=300)
    ids, scores = _answer(scann_index.ScannIndex(names, embeddings, 10, parameters), _QUERIES, 10)
    fresh_process.assert_is_exact_answer(ids, scores, names, embeddings, _QUERIES, 10)


def test_an_empty_batch_has_an_empty_answer():
    ids, scores = _answer(scann_index.ScannIndex(*_corpus(5), k=3), np.zeros([0, 8], np.float32), 3)
    assert ids.shape == scores.shape == (0, 3)


def test_more_leaves_find_more():
    index = _few_leaves()
    found = []
    for num_leaves_to_search in (1, 5, 20):
        index.search_leaves(num_leaves_to_search)
        assert index.parameters["num_leaves_to_search"] == num_leaves_to_search
        found.append(int(np.sum(index.search_rows(tf.constant(_QUERIES), 200)[0] >= 0)))
    assert found[0] < found[1] < found[2] == 600
    with pytest.raises(candidate_index.CandidateIndexError, match="but they are 21 and 20"):
        index.search_leaves(21)


def test_deeper_answers_read_more_leaves_and_score_more_again():
    vectors, queries = corpora.adversarial(2_000), tf.constant(corpora.adversarial(8, seed=2))
    index = scann_index.ScannIndex(corpora.names(2_000), vectors, 5, scann_index.ScannParameters(50, 2, 2, 30))
    # A hundredth of the corpus is as deep as it is tuned for; by the rule of thumb four times as deep in twice as many.
    assert index.max_depth == 20
    assert index.parameters["leaves_by_depth"] == {"5": 2, "20": 4}
    assert index.parameters["reordered_by_depth"] == {"5": 30, "20": 60}
    exact = np.argsort(-(queries.numpy() @ vectors.T), axis=1)

    def recall(depth):
        rows = index.search_rows(queries, depth)[0].numpy()
        return np.mean([np.isin(exact[query, :depth], rows[query]).mean() for query in range(8)])

    before = recall(20), recall(5)
    efforts = {effort.name: effort for effort in index.efforts}
    efforts["num_leaves_to_search_20"].set(50)
    efforts["num_reordering_candidates_20"].set(160)
    # Four bits a code, so 160 of 2,000 scored again are close to exact, and how close differs with the CPU's kernels.
    assert recall(20) > 0.9 > 1.5 * before[0]
    assert recall(5) == before[1]


@pytest.mark.parametrize(
    ("num_candidates", "num_leaves", "is_quantised"),
    [
        # ScaNN's own rule: brute force below 20k, quantised scoring and reordering below 100k, a tree above.
        (1, 0, False),
        (19_999, 0, False),
        (20_000, 0, True),
        (99_999, 0, True),
        # About sqrt(n) leaves: sqrt(100,000) = 316.2, sqrt(1,000,000) = 1000.
        (100_000, 316, True),
        (1_000_000, 1000, True),
    ],
)
def test_the_searcher_is_sized_by_scanns_own_rule(num_candidates, num_leaves, is_quantised):
    for k in (1, 100, 30_000):
        parameters = scann_index.ScannParameters.for_corpus(num_candidates, k)
        assert parameters.num_leaves == num_leaves
        assert (parameters.num_leaves_to_search > 0) == (num_leaves > 0)
        assert parameters.num_leaves_to_search <= num_leaves
        assert (parameters.dimensions_per_block > 0) == is_quantised
        assert (parameters.num_reordering_candidates >= min(k, num_candidates)) == is_quantised
        assert parameters.num_reordering_candidates <= num_candidates


def test_it_says_what_it_is():
    index = _few_leaves()
    assert (index.name, index.num_candidates, index.needs_scann_ops) == ("scann_index", 200, True)
    assert json.loads(json.dumps(index.parameters)) == {
        "num_leaves": 20,
        "num_leaves_to_search": 1,
        "dimensions_per_block": 0,
        "num_reordering_candidates": 0,
        "leaves_by_depth": {"50": 1, "200": 2},
        "reordered_by_depth": {"50": 0, "200": 0},
    }


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((10, 0, 0, 0), "num_leaves_to_search must be between 1 and num_leaves, or both 0, but they are 0 and 10"),
        ((10, 11, 0, 0), "but they are 11 and 10"),
        ((0, 0, 2, 0), "num_reordering_candidates must be >= 1 where dimensions_per_block is, but is 0"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(values, sentence):
    with pytest.raises(candidate_index.CandidateIndexError, match=sentence):
        scann_index.ScannParameters(*values)
