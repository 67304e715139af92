import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.negatives import chi_square
from tfrs_model import negatives

_ALL = tf.range(60, dtype=tf.int64)


def _unit(shape, seed):
    return tf.math.l2_normalize(tf.random.stateless_normal(shape, seed=[seed, 0]), axis=1)


_QUERIES, _CANDIDATES = _unit([5, 4], 1), _unit([60, 4], 2)


def _source(num_negatives=20_000, temperature=0.2, refreshed=True, **options):
    source = negatives.CorpusHardNegatives(60, 4, num_negatives, temperature, 10, **{"num_clusters": 8, **options})
    if refreshed:
        source.refresh(_CANDIDATES, step=0)
    return source


def _probability(source, queries=_QUERIES):
    return source.probability(_ALL, queries).numpy()


def _by_hand(size_exponent=1.0, temperature=0.2, clusters=None):
    """Loops over queries and candidates, given which cluster each candidate is in."""
    queries, candidates = _QUERIES.numpy().astype(float), _CANDIDATES.numpy().astype(float)
    probability = np.zeros(60)
    for query in queries:
        weights = {}
        for k in set(clusters):
            members = candidates[clusters == k]
            weights[k] = len(members) ** size_exponent * np.exp(query @ members.mean(axis=0) / temperature)
        for j in range(60):
            inside = weights[clusters[j]] / sum(weights.values()) / np.sum(clusters == clusters[j])
            probability[j] += inside / len(queries)
    return probability


@pytest.mark.parametrize("options", [{}, {"size_exponent": 0.0}, {"size_exponent": 0.5, "temperature": 0.7}])
def test_the_probability_is_that_of_the_cluster_over_its_size(options):
    source = _source(**options)
    (clusters,) = (weight.numpy() for weight in source.weights if weight.name.startswith("cluster"))
    assert len(set(clusters)) == 8
    np.testing.assert_allclose(_probability(source), _by_hand(clusters=clusters, **options), rtol=1e-5)


@pytest.mark.parametrize("refreshed", [False, True])
@pytest.mark.parametrize("options", [{}, {"size_exponent": 0.0}, {"num_clusters": 60}, {"num_clusters": 1}])
def test_the_draws_follow_the_stated_distribution_which_sums_to_one(refreshed, options):
    source = _source(refreshed=refreshed, **options)
    probability = _probability(source)
    assert probability.sum() == pytest.approx(1.0, abs=1e-5)
    draws = source.draw(_QUERIES, step=5)
    assert draws.shape == (20_000,)
    assert draws.dtype == tf.int64
    assert abs(chi_square.z_of_draws(draws.numpy(), probability)) < 3.0


def test_small_draws_of_many_steps_follow_it_too():
    source = _source(num_negatives=5)
    step = tf.function(lambda step: source.draw(_QUERIES, step))
    draws = np.concatenate([step(tf.constant(i, tf.int64)) for i in range(1500)])
    assert abs(chi_square.z_of_draws(draws, _probability(source))) < 3.0


def test_before_the_first_refresh_all_are_equally_probable():
    np.testing.assert_allclose(_probability(_source(refreshed=False)), np.full(60, 1 / 60), rtol=1e-5)


def test_one_cluster_for_each_candidate_is_the_mean_softmax():
    logits = _QUERIES.numpy().astype(float) @ _CANDIDATES.numpy().T / 0.2
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_probability(_source(num_clusters=60)), softmax.mean(axis=0), rtol=1e-4)


def test_a_corpus_of_up_to_1024_is_not_clustered_unless_asked():
    default = negatives.CorpusHardNegatives(60, 4, 5, 0.2, 10)
    default.refresh(_CANDIDATES, step=0)
    np.testing.assert_allclose(_probability(default), _probability(_source(num_clusters=60)), rtol=1e-6)
    sizes = [
        negatives.CorpusHardNegatives(size, 1, 5, 0.2, 10).get_config()["num_clusters"] for size in (2000, 4_000_000)
    ]
    # By hand: the root of 4,000,000.
    assert sizes == [1024, 2000]


def test_harder_candidates_are_more_probable_and_more_so_at_a_low_temperature():
    query = _QUERIES[:1]
    scores = tf.linalg.matvec(_CANDIDATES, query[0]).numpy()
    hardest, easiest = np.argsort(scores)[-15:], np.argsort(scores)[:15]
    ratios = []
    for temperature in (0.2, 1.0):
        probability = _probability(_source(temperature=temperature), query)
        ratios.append(probability[hardest].mean() / probability[easiest].mean())
    assert ratios[0] > 10 * ratios[1] > 10
    # Where every candidate is its own cluster, the order is that of the scores without exception.
    exact = _probability(_source(num_clusters=60), query)
    np.testing.assert_array_equal(np.argsort(exact), np.argsort(scores))


def test_a_row_that_is_no_candidate_has_no_probability():
    source = _source()
    np.testing.assert_array_equal(
        source.probability(tf.constant([-1, 7], tf.int64), _QUERIES), [0.0, _probability(source)[7]]
    )


def test_a_draw_depends_on_seed_step_and_queries_alone():
    first, again = (_source(num_negatives=500) for _ in range(2))
    in_graph = tf.function(again.draw)
    later = in_graph(_QUERIES, tf.constant(8, tf.int64))
    np.testing.assert_array_equal(in_graph(_QUERIES, tf.constant(7, tf.int64)), first.draw(_QUERIES, 7))
    np.testing.assert_array_equal(first.draw(_QUERIES, 8), later)
    others = [
        first.draw(_QUERIES, 7),
        first.draw(_QUERIES, 8),
        first.draw(-_QUERIES, 7),
        _source(num_negatives=500, seed=1).draw(_QUERIES, 7),
    ]
    assert len({each.numpy().tobytes() for each in others}) == 4


def test_a_pool_draws_and_weighs_as_the_source_does_in_a_graph():
    source = _source(num_negatives=50)

    @tf.function
    def step(queries):
        pool = source.pool(queries)
        rows = pool.draw(3)
        return rows, pool.probability(rows)

    rows, probability = step(_QUERIES)
    np.testing.assert_array_equal(rows, source.draw(_QUERIES, 3))
    np.testing.assert_allclose(probability, source.probability(rows, _QUERIES), rtol=1e-6)


def test_blocks_of_queries_give_the_mean_of_all(monkeypatch):
    source, queries = _source(), _unit([23, 4], 9)
    whole = _probability(source, queries)
    monkeypatch.setattr("tfrs_model.negatives.corpus_hard._MAX_SCORES_PER_BLOCK", 40)
    np.testing.assert_allclose(_probability(source, queries), whole, rtol=1e-5)


def test_no_gradient_flows_through_the_distribution():
    source = _source()
    with tf.GradientTape() as tape:
        tape.watch(_QUERIES)
        probability = source.probability(_ALL, _QUERIES)
    assert tape.gradient(probability, _QUERIES) is None
    assert source.trainable_weights == []


def test_a_refresh_is_due_at_first_and_every_so_many_steps_after_the_last():
    source = _source(refreshed=False)
    assert source.needs_refresh(0)
    source.refresh(_CANDIDATES, step=4)
    assert [bool(source.needs_refresh(step)) for step in (4, 13, 14, 20)] == [False, False, True, True]


def test_a_restored_source_draws_and_falls_due_as_one_that_never_stopped(tmp_path):
    first, second = _source(num_negatives=100, refreshed=False), _source(num_negatives=100, refreshed=False)
    first.refresh(_CANDIDATES, step=20)
    path = tf.train.Checkpoint(source=first).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(source=second).restore(path).assert_consumed()
    np.testing.assert_array_equal(second.draw(_QUERIES, 23), first.draw(_QUERIES, 23))
    np.testing.assert_array_equal(_probability(second), _probability(first))
    assert [bool(second.needs_refresh(step)) for step in (29, 30)] == [False, True]


def test_a_refresh_in_a_graph_is_that_of_an_eager_call():
    eager, in_graph = _source(), _source(refreshed=False)
    tf.function(in_graph.refresh)(_CANDIDATES, tf.constant(0, tf.int64))
    np.testing.assert_array_equal(_probability(in_graph), _probability(eager))


def test_embeddings_of_another_corpus_are_refused():
    with pytest.raises(ValueError, match=r"of every candidate, \[60, 4\], but got the shape \(59, 4\)"):
        _source(refreshed=False).refresh(_CANDIDATES[:59], step=0)


def test_embeddings_that_are_not_finite_are_refused_and_the_clusters_stay():
    source = _source()
    before = _probability(source)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="need finite candidate embeddings; the model has diverged"
    ):
        source.refresh(_CANDIDATES * np.nan, step=10)
    np.testing.assert_array_equal(_probability(source), before)
    assert source.needs_refresh(10)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("num_candidates", 0, ">= 1"),
        ("num_negatives", 0, ">= 1"),
        ("temperature", 0.0, "> 0 and finite"),
        ("temperature", float("inf"), "> 0 and finite"),
        ("refresh_every", 0, ">= 1"),
        ("size_exponent", -0.5, ">= 0 and finite"),
        ("num_clusters", 61, "in [1, num_candidates]"),
        ("num_clusters", 0, "in [1, num_candidates]"),
        ("num_iterations", -1, ">= 0"),
    ],
)
def test_an_argument_out_of_its_range_is_refused(name, value, rule):
    arguments = {
        "num_candidates": 60,
        "embedding_dim": 4,
        "num_negatives": 5,
        "temperature": 0.2,
        "refresh_every": 10,
        name: value,
    }
    with pytest.raises(ValueError) as refused:
        negatives.CorpusHardNegatives(**arguments)
    assert str(refused.value) == f"{name} of corpus-hard negatives must be {rule}, but is {value}."


def test_a_layer_made_from_the_config_draws_the_same():
    source = _source(num_negatives=100, size_exponent=0.5, seed=9)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(source))
    copy.refresh(_CANDIDATES, step=0)
    np.testing.assert_array_equal(copy.draw(_QUERIES, 1), source.draw(_QUERIES, 1))
