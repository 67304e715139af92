"""Whatever a request leaves out, the answer is the best of the rest."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from serving.index import candidate_filter, restrictions, retriever
from tests.serving.index import corpora

_NUM_CANDIDATES = 400
_LOWEST = -3.4028234663852886e38
_NAMES = corpora.names(_NUM_CANDIDATES)
_VECTORS = corpora.adversarial(_NUM_CANDIDATES)
_GENERATOR = np.random.default_rng(5)
_CATEGORY = [[f"k{code}"] if code < 5 else [] for code in _GENERATOR.integers(0, 6, _NUM_CANDIDATES)]
_TAGS = [
    sorted({f"t{tag}" for tag in _GENERATOR.integers(0, 30, length)})
    for length in _GENERATOR.integers(0, 4, _NUM_CANDIDATES)
]
_KINDS = {**{f"exact {name}": make for name, make in corpora.EXACT.items()}, **corpora.COARSE}


@dataclasses.dataclass(frozen=True)
class _Request:
    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def allows(self, candidate: int) -> bool:
        name = _NAMES[candidate]
        return (
            name not in self.exclude
            and (not self.allow or name in self.allow)
            and (not self.category or bool(set(self.category) & set(_CATEGORY[candidate])))
            and (not self.tags or bool(set(self.tags) & set(_TAGS[candidate])))
        )


@pytest.fixture(scope="module", params=_KINDS)
def ask(request):
    index = _KINDS[request.param](_NAMES, _VECTORS)
    columns = {"category": _CATEGORY, "tags": _TAGS}
    filters = [
        candidate_filter.CandidateFilter(candidate_filter.FilterColumn.of_lists(name, lists), index.order)
        for name, lists in columns.items()
    ]
    retrieving = retriever.Retriever(index, filters)
    texts = tf.TensorSpec([None, None], tf.string)

    @tf.function(input_signature=[tf.TensorSpec([None, 8]), tf.TensorSpec([], tf.int32), *[texts] * 4])
    def retrieve_under(queries, k, exclude, allow, category, tags):
        restricted = restrictions.Restrictions(index, filters, exclude, allow, {"category": category, "tags": tags})
        found = retrieving.retrieve_under(queries, k, restricted)
        return index.ids_of(found.rows), found.scores

    @tf.function(input_signature=[tf.TensorSpec([None, 8]), tf.TensorSpec([], tf.int32)])
    def retrieve(queries, k):
        found = retrieving.retrieve(queries, k)
        return index.ids_of(found.rows), found.scores

    def answer(queries, k, requests=None):
        if requests is None:
            ids, scores = retrieve(tf.constant(queries), k)
        else:
            columns = [
                _padded([getattr(each, field.name) for each in requests]) for field in dataclasses.fields(_Request)
            ]
            ids, scores = retrieve_under(tf.constant(queries), k, *columns)
        return [[each.decode() for each in row] for row in ids.numpy()], scores.numpy()

    answer.is_exact = request.param.startswith("exact")
    return answer


def _padded(lists):
    width = max(map(len, lists))
    return tf.constant(
        np.array([[*each, *[""] * (width - len(each))] for each in lists], object).reshape(len(lists), width), tf.string
    )


def _assert_answers(ask, queries, k, requests):
    ids, scores = ask(queries, k, requests)
    for query, request, mine, theirs in zip(queries, requests or [_Request()] * len(queries), ids, scores, strict=True):
        truth = _VECTORS @ query
        allowed = [candidate for candidate in range(_NUM_CANDIDATES) if request.allows(candidate)]
        num_found = min(k, len(allowed))
        assert mine[num_found:] == [""] * (k - num_found)
        assert np.all(theirs[num_found:] == np.float32(_LOWEST))
        found = [_NAMES.index(each) for each in mine[:num_found]]
        assert len(set(found)) == num_found
        assert set(found) <= set(allowed)
        np.testing.assert_allclose(theirs[:num_found], truth[found], atol=1e-5)
        if ask.is_exact or num_found == len(allowed):
            np.testing.assert_allclose(theirs[:num_found], -np.sort(-truth[allowed])[:k], atol=1e-5)


@pytest.mark.parametrize("k", [1, 10, 399, 400, 450])
def test_without_restrictions_an_answer_is_full_whatever_the_leaves_hold(ask, k):
    _assert_answers(ask, corpora.adversarial(3, seed=9), k, None)


def test_excluded_candidates_are_left_out_and_others_take_their_place(ask):
    queries = corpora.adversarial(3, seed=9)
    best = [np.argsort(-(_VECTORS @ query))[:60] for query in queries]
    requests = [
        _Request(exclude=tuple(_NAMES[each] for each in best[0])),
        _Request(exclude=("stranger", _NAMES[best[1][0]])),
        _Request(),
    ]
    _assert_answers(ask, queries, 10, requests)


def test_excluding_all_but_three_leaves_three_and_excluding_all_leaves_none(ask):
    queries = corpora.adversarial(2, seed=9)
    _assert_answers(ask, queries, 10, [_Request(exclude=tuple(_NAMES[3:])), _Request(exclude=tuple(_NAMES))])


def test_of_an_allow_list_only_what_is_in_the_corpus_is_answered(ask):
    queries = corpora.adversarial(3, seed=9)
    requests = [_Request(allow=("c3", "c1", "stranger", "c3")), _Request(allow=("stranger",)), _Request()]
    _assert_answers(ask, queries, 5, requests)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_filters_hold_where_they_agree_with_the_query_and_where_they_do_not(ask, sign):
    # The mean of a category is the query that agrees with it most.
    members = [candidate for candidate in range(_NUM_CANDIDATES) if _CATEGORY[candidate] == ["k1"]]
    query = sign * _VECTORS[members].mean(axis=0, keepdims=True)
    requests = [_Request(category=("k1",)), _Request(category=("k1", "k2")), _Request(tags=("t3",))]
    _assert_answers(ask, np.repeat(query, 3, axis=0), 10, requests)


def test_every_row_of_a_batch_has_restrictions_of_its_own(ask):
    generator = np.random.default_rng(11)

    def drawn(values, most):
        return tuple(generator.choice(values, generator.integers(0, most + 1)))

    for k in (1, 7, 40):
        requests = [
            _Request(
                exclude=drawn(_NAMES, 100),
                allow=drawn(_NAMES, 30) if generator.random() < 0.3 else (),
                category=drawn([f"k{code}" for code in range(6)], 2),
                tags=drawn([f"t{tag}" for tag in range(31)], 3),
            )
            for _ in range(6)
        ]
        _assert_answers(ask, corpora.adversarial(6, seed=k), k, requests)


@pytest.mark.parametrize("kind", corpora.EXACT)
def test_no_vectors_are_gathered_from_a_variable_itself(kind):
    """Afterwards every request that reads the variable would copy it."""
    index = corpora.EXACT[kind](_NAMES, _VECTORS)
    retrieving = retriever.Retriever(index)

    @tf.function(input_signature=[tf.TensorSpec([None, 8]), tf.TensorSpec([None, None], tf.string)])
    def every_way(queries, exclude):
        restricted = restrictions.Restrictions(index, [], exclude, exclude, {})
        vectors = index.vectors_of(tf.maximum(index.rows_of(exclude), 0))
        return retrieving.retrieve(queries, 3), retrieving.retrieve_under(queries, 3, restricted), vectors

    graph = every_way.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    gathered = [node for node in nodes if node.op == "ResourceGather"]
    assert gathered
    assert {node.attr["dtype"].type for node in gathered} <= {tf.string.as_datatype_enum, tf.int32.as_datatype_enum}


class _Asked:
    """Remembers how deep an index was searched."""

    def __init__(self, index, monkeypatch):
        self.depths = []
        search = index.search_rows

        def search_rows(queries, num_rows):
            self.depths.append(int(num_rows))
            return search(queries, num_rows)

        monkeypatch.setattr(index, "search_rows", search_rows)


@pytest.mark.parametrize("kind", corpora.COARSE)
@pytest.mark.parametrize("k", [41, 200, 399, 400, 500])
def test_an_answer_deeper_than_the_index_is_tuned_for_is_exact(kind, k, monkeypatch):
    index = corpora.COARSE[kind](_NAMES, _VECTORS)
    assert index.max_depth == 40
    asked = _Asked(index, monkeypatch)
    queries = corpora.adversarial(3, seed=9)
    found = retriever.Retriever(index).retrieve(tf.constant(queries), k)
    assert asked.depths == [40]
    scores = np.sort(queries @ _VECTORS[index.order].T, axis=1)[:, ::-1]
    depth = min(k, _NUM_CANDIDATES)
    np.testing.assert_allclose(found.scores.numpy()[:, :depth], scores[:, :depth], atol=1e-5)
    assert all(len(set(rows)) == depth for rows in found.rows.numpy()[:, :depth])


@pytest.mark.parametrize("kind", corpora.COARSE)
def test_where_more_is_excluded_than_a_search_reaches_nothing_is_searched(kind, monkeypatch):
    index = corpora.COARSE[kind](_NAMES, _VECTORS)
    asked = _Asked(index, monkeypatch)
    queries = corpora.adversarial(2, seed=9)

    def ask(num_excluded):
        exclude = tf.constant([_NAMES[:num_excluded]] * 2)
        nothing = tf.zeros([2, 0], tf.string)
        restricted = restrictions.Restrictions(index, [], exclude, nothing, {})
        return retriever.Retriever(index).retrieve_under(tf.constant(queries), 5, restricted)

    ask(10)
    # As many more as are excluded.
    assert asked.depths == [15]
    found = ask(36)
    assert asked.depths == [15]
    left = (queries @ _VECTORS.T)[:, 36:]
    np.testing.assert_allclose(found.scores, np.sort(left, axis=1)[:, :-6:-1], atol=1e-5)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("k", [5, 399, 500])
def test_an_empty_batch_has_an_empty_answer_however_deep(kind, k):
    index = _KINDS[kind](_NAMES, _VECTORS)
    retrieve = tf.function(retriever.Retriever(index).retrieve)
    assert retrieve(tf.zeros([0, 8]), tf.constant(k)).rows.shape == (0, k)
