import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import frequency, task, temperature

_IDENTITY = tf.eye(2)


def _embeddings(num_queries=6, num_extra=0, num_heads=None, dim=5, seed=0):
    generator = np.random.default_rng(seed)
    shape = [num_queries, dim] if num_heads is None else [num_queries, num_heads, dim]
    return (
        tf.constant(generator.normal(size=shape), tf.float32),
        tf.constant(generator.normal(size=[num_queries + num_extra, dim]), tf.float32),
    )


def _loss_and_gradients(retrieval, query, candidate, **arguments):
    with tf.GradientTape() as tape:
        tape.watch([query, candidate])
        loss = retrieval(query, candidate, **arguments)
    return [loss, *tape.gradient(loss, [query, candidate])]


def _assert_equal_to_parent(options, query, candidate, **arguments):
    ours, theirs = (
        _loss_and_gradients(each(**options), query, candidate, **arguments)
        for each in (task.Retrieval, tfrs.tasks.Retrieval)
    )
    for mine, parents in zip(ours, theirs, strict=True):
        assert np.linalg.norm(mine - parents) <= 1e-5 * np.linalg.norm(parents)
    assert ours[0] > 0.1


def _probability(size, seed=1):
    """From 1e-6 to 1, both ends included."""
    inside = 10.0 ** np.random.default_rng(seed).uniform(-6, 0, size=size - 2)
    return tf.constant([1e-6, 1.0, *inside], tf.float32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.05},
        {"remove_accidental_hits": True},
        {"num_hard_negatives": 2},
        {"num_hard_negatives": 50},
        {"temperature": 0.2, "remove_accidental_hits": True, "num_hard_negatives": 3},
        {"loss": tf.keras.losses.CategoricalCrossentropy(from_logits=True)},
        {"loss": tf.keras.losses.CategoricalHinge()},
    ],
)
@pytest.mark.parametrize("num_heads", [None, 3])
@pytest.mark.parametrize("num_extra", [0, 3])
@pytest.mark.parametrize("is_corrected", [False, True])
def test_loss_and_gradients_are_those_of_the_parent(options, num_heads, num_extra, is_corrected):
    query, candidate = _embeddings(num_extra=num_extra, num_heads=num_heads)
    ids = tf.constant(["a", "b", "a", "c", "d", "b", "a", "e", "f"][: 6 + num_extra])
    probability = _probability(6 + num_extra) if is_corrected else None
    _assert_equal_to_parent(options, query, candidate, candidate_ids=ids, candidate_sampling_probability=probability)


@pytest.mark.parametrize("options", [{}, {"temperature": 0.1, "num_hard_negatives": 2}])
def test_sample_weights_and_score_mask_act_as_in_the_parent(options):
    query, candidate = _embeddings(num_extra=2)
    mask = np.random.default_rng(2).random([6, 8]) < 0.6
    np.fill_diagonal(mask, True)
    arguments = {"score_mask": tf.constant(mask), "candidate_sampling_probability": _probability(8)}
    for weight in (None, tf.constant([0.0, 1.0, 2.0, 0.5, 3.0, 1.0])):
        _assert_equal_to_parent(options, query, candidate, sample_weight=weight, **arguments)


def test_the_temperature_divides_the_score_before_log_q_is_subtracted():
    loss = task.Retrieval(temperature=0.5)(
        _IDENTITY, _IDENTITY, candidate_sampling_probability=tf.constant([0.5, 0.25])
    )
    # By hand: scores 1 and 0 become 2 and 0; log q differs by ln 2, so the negative weighs exp(-2) * 2 against the
    # first positive and exp(-2) / 2 against the second: ln(1 + .27067) + ln(1 + .06767) = .23954 + .06548.
    # With (s - log q) / T the factors would be 4 and 1 / 4, the loss .43264 + .03327.
    np.testing.assert_allclose(loss, 0.30502, atol=1e-5)


def test_an_accidental_hit_holds_no_softmax_mass():
    query = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    loss = task.Retrieval(remove_accidental_hits=True)(query, query, candidate_ids=tf.constant(["a", "b", "a"]))
    # By hand: rows 0 and 2 keep one negative of score 0 against a positive of 1, row 1 keeps two:
    # 2 ln(1 + 1/e) + ln(1 + 2/e) = 2 * .31326 + .55145.
    np.testing.assert_allclose(loss, 1.17797, atol=1e-5)


def test_a_probability_below_a_millionth_is_not_clipped():
    loss = task.Retrieval()(tf.zeros([2, 2]), _IDENTITY, candidate_sampling_probability=tf.constant([1e-9, 1.0]))
    # By hand: ln(1 + 1e-9) + ln(1 + 1e9) = 20.7233; clipped at 1e-6 it would be 13.8155.
    np.testing.assert_allclose(loss, 20.7233, atol=1e-4)


def test_an_expected_count_above_one_is_not_clipped():
    loss = task.Retrieval()(tf.zeros([2, 2]), _IDENTITY, candidate_sampling_probability=tf.constant([8.0, 2.0]))
    # By hand: ln(1 + 8 / 2) + ln(1 + 2 / 8) = 1.60944 + .22314; clipped at 1 it would be 2 ln 2 = 1.38629.
    np.testing.assert_allclose(loss, 1.83258, atol=1e-5)


def test_hard_negatives_are_chosen_on_corrected_logits():
    # One query that counts: its positive scores 0 (q = .5), its negatives 2 (popular, q = .5) and 1 (rare, q = .001).
    query = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    candidate = tf.constant([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    loss = task.Retrieval(num_hard_negatives=1)(
        query,
        candidate,
        candidate_sampling_probability=tf.constant([0.5, 0.5, 0.001]),
        sample_weight=tf.constant([1.0, 0.0, 0.0]),
    )
    # By hand: the rare one is corrected to 1 + ln 1000 = 7.908, the popular one to 2.693, the positive to .693:
    # ln(1 + exp(7.9078 - .6931)) = 7.21542. By raw scores the popular one would stay: ln(1 + e**2) = 2.12693.
    np.testing.assert_allclose(loss, 7.21542, atol=1e-4)


def test_a_masked_score_and_a_row_without_weight_leave_no_trace():
    query, candidate = _embeddings(3)
    mask = tf.constant([[True, False, True]] * 3) | tf.eye(3, dtype=tf.bool)
    loss, of_query, of_candidate = _loss_and_gradients(
        task.Retrieval(), query, candidate, score_mask=mask, sample_weight=tf.constant([1.0, 0.0, 1.0])
    )
    assert loss > 0.0
    np.testing.assert_array_equal(of_query[1], np.zeros(5))
    np.testing.assert_array_equal(of_candidate[1], np.zeros(5))


def test_a_streamed_frequency_corrects_by_the_counts_of_the_batches_so_far():
    query, candidate = _embeddings(3)
    streamed = task.Retrieval(streaming_frequency=frequency.StreamingFrequency(100))
    plain = task.Retrieval()

    def expected(counts):
        return plain(query, candidate, candidate_sampling_probability=tf.constant(counts))

    for ids, counts in ((["a", "a", "b"], [2.0, 2.0, 1.0]), (["b", "c", "a"], [1.0, 0.5, 1.5])):
        # By hand: copies over steps, exact up to what windows of 256 steps and more forget in one.
        loss = streamed(query, candidate, candidate_ids=tf.constant(ids), training=True)
        np.testing.assert_allclose(loss, expected(counts), rtol=1e-3)
    for _ in range(2):
        loss = streamed(query, candidate, candidate_ids=tf.constant(["a", "b", "new"]), training=False)
        # An id never seen is half a draw beside the six so far, in batches of three.
        np.testing.assert_allclose(loss, expected([1.5, 1.0, 3 * 0.5 / 7]), rtol=1e-3)


def test_a_given_probability_goes_before_the_streamed_one():
    query, candidate = _embeddings(3)
    probability = tf.constant([0.1, 0.5, 0.2])
    streamed = task.Retrieval(streaming_frequency=frequency.StreamingFrequency(100))
    loss = streamed(query, candidate, candidate_sampling_probability=probability, training=True)
    np.testing.assert_array_equal(loss, task.Retrieval()(query, candidate, candidate_sampling_probability=probability))


def test_a_caller_that_does_not_say_whether_it_trains_is_refused_rather_than_left_uncorrected():
    streamed = task.Retrieval(streaming_frequency=frequency.StreamingFrequency(100))
    with pytest.raises(ValueError, match="training is None"):
        streamed(*_embeddings(2), candidate_ids=tf.constant(["a", "b"]))


@pytest.mark.parametrize(
    "options",
    [{"remove_accidental_hits": True}, {"streaming_frequency": frequency.StreamingFrequency(10)}],
)
def test_steps_that_need_ids_are_refused_without_them(options):
    with pytest.raises(ValueError, match="compare candidates by id, but candidate_ids is None; pass candidate_ids"):
        task.Retrieval(**options)(*_embeddings(2), training=True)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature must be > 0 and finite, or None, but is {temperature}"):
        task.Retrieval(temperature=temperature)


@pytest.mark.parametrize("number", [0, -3])
def test_fewer_than_one_hard_negative_is_refused(number):
    with pytest.raises(ValueError, match=f"num_hard_negatives must be >= 1 or None, but is {number}"):
        task.Retrieval(num_hard_negatives=number)


def test_a_probability_of_zero_is_refused_rather_than_turned_into_nan():
    with pytest.raises(tf.errors.InvalidArgumentError, match="candidate_sampling_probability must be > 0 everywhere"):
        task.Retrieval()(*_embeddings(2), candidate_sampling_probability=tf.constant([0.5, 0.0]))


@pytest.mark.parametrize("name", ["candidate_ids", "candidate_sampling_probability"])
def test_a_column_of_ids_or_probabilities_is_refused_rather_than_broadcast(name):
    with pytest.raises(
        ValueError, match=rf"{name} must be \[num_candidates\], one for every candidate, but has shape \(2, 1\)"
    ):
        task.Retrieval()(*_embeddings(2), **{name: tf.ones([2, 1])})


def test_fewer_candidates_than_queries_are_refused():
    queries, candidates = _embeddings(3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="there must be a candidate for every query"):
        task.Retrieval()(queries, candidates[:2])


def test_the_corrected_softmax_has_no_draw_of_the_positive_among_its_negatives():
    """Without being asked to remove accidental hits, which is another correction's option."""
    query = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    probability = tf.constant([0.4, 0.3, 0.4])
    loss = task.Retrieval(log_q_correction="corrected2025")(
        query,
        query,
        candidate_ids=tf.constant(["a", "b", "a"]),
        candidate_sampling_probability=probability,
        sample_weight=tf.constant([1.0, 0.0, 0.0]),
    )
    # By hand: one negative of score 0, Q' = .3 / .6: its term is ln 2; P = e / (e + 2) = .5761; -(1 - P) (1 - ln 2).
    np.testing.assert_allclose(loss, -(1 - np.e / (np.e + 2)) * (1 - np.log(2)), rtol=1e-5)


def test_a_history_is_no_negative_of_its_query():
    loss = task.Retrieval()(
        tf.eye(3),
        tf.zeros([3, 3]),
        candidate_ids=tf.constant(["a", "b", "c"]),
        history_ids=tf.constant([["b", ""], ["", ""], ["a", "b"]]),
    )
    # By hand: rows of two, three and one column with equal logits.
    np.testing.assert_allclose(loss, np.log(2) + np.log(3), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "arguments", "sentence"),
    [
        (
            {"log_q_correction": "corrected2025"},
            {"candidate_ids": tf.constant([1, 2])},
            "needs the probability of each",
        ),
        (
            {"log_q_correction": "none"},
            {"candidate_sampling_probability": tf.constant([0.1, 0.2])},
            "reads no probabili",
        ),
        (
            {},
            {"candidate_ids": tf.constant([1, 2]), "history_ids": tf.constant([["1"], ["2"]])},
            "both strings or both integers",
        ),
        ({}, {"history_ids": tf.constant([["1"], ["2"]])}, "candidate_ids is None"),
    ],
)
def test_what_a_call_cannot_use_is_refused(options, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        task.Retrieval(**options)(_IDENTITY, _IDENTITY, **arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"objective": "hinge"}, "objective must be one of softmax,"),
        ({"log_q_correction": "yi"}, "log_q_correction must be one of none, yi2019, corrected2025, but is 'yi'"),
        ({"reduction": "median"}, "reduction must be one of sum, mean"),
        ({"log_q_correction": "corrected2025", "objective": "huber"}, "is a correction of the softmax"),
        ({"loss": tf.keras.losses.CategoricalHinge(), "objective": "huber"}, "stands in place of objective"),
        ({"loss": tf.keras.losses.CategoricalHinge(), "reduction": "mean"}, "reduces by itself"),
        ({"log_q_correction": "none", "streaming_frequency": frequency.StreamingFrequency(5)}, "reads no frequencies"),
    ],
)
def test_options_that_clash_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        task.Retrieval(**options)


def test_a_probability_of_one_is_none_of_a_draw():
    with pytest.raises(tf.errors.InvalidArgumentError, match="the probability of one draw, < 1"):
        task.Retrieval(log_q_correction="corrected2025")(
            _IDENTITY,
            _IDENTITY,
            candidate_ids=tf.constant(["a", "b"]),
            candidate_sampling_probability=tf.constant([1.0, 0.2]),
        )


def test_the_mean_divides_by_the_rows_and_a_temperature_can_be_learned():
    learned = temperature.LearnableTemperature(0.5, 0.1, 1.0)
    retrieval = task.Retrieval(temperature=learned, reduction="mean")
    with tf.GradientTape() as tape:
        loss = retrieval(_IDENTITY, _IDENTITY)
    # By hand: logits 2 and 0 in both rows; a lower temperature would lower the loss.
    assert float(loss) == pytest.approx(np.log1p(np.exp(-2.0)), rel=1e-5)
    assert float(tape.gradient(loss, learned.trainable_weights)[0]) > 0.0
