import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import features, model_config, two_tower_builder

_INPUTS = model_config.ModelInputs(
    query_ids=("u1", "u2", "u3"),
    candidate_ids=("c1", "c2"),
    query_features=(features.FeatureInput("sex", "categorical", 3, ("F", "M")),),
    candidate_features=(features.FeatureInput("genres", "multivalent", 2, ("drama",)),),
)


def _batch(size=2):
    return {
        "query": {
            "query_id": tf.constant(["u1", "u2"][:size]),
            "history": tf.constant([["c1"], [""]][:size]),
            "sex": tf.constant(["F", "M"][:size]),
        },
        "candidate": {
            "candidate_id": tf.constant(["c1", "c2"][:size]),
            "genres": tf.constant([["drama"], [""]][:size]),
        },
        "weight": tf.ones([size]),
    }


def _build(inputs=_INPUTS, seed=0, **options):
    model = two_tower_builder.build_two_tower(model_config.ModelConfig(**{"dropout": 0.0, **options}), inputs, seed)
    model.compute_loss(_batch())
    return model


def _shapes(tower):
    return sorted(tuple(weight.shape) for weight in tower.trainable_variables)


def test_options_shape_the_towers():
    model = _build(embedding_dim=8, query_hidden_units=(7,), candidate_hidden_units=(6, 5), num_oov_buckets=2)
    # Tables have 1 empty + 2 unknown rows (feature tables 1 + 1) and one per value. The query tower's inputs are
    # 3 of sex + 8 of the id + 8 of the history, the candidate tower's 2 of genres + 8 of the id.
    assert _shapes(model.query_tower) == sorted([(4, 3), (6, 8), (5, 8), (19, 7), (7,), (7, 8), (8,)])
    assert _shapes(model.candidate_tower) == sorted([(3, 2), (5, 8), (10, 6), (6,), (6, 5), (5,), (5, 8), (8,)])


def test_history_and_candidates_share_a_table_if_asked_to():
    def num_weights(**options):
        return len(_build(**options).trainable_variables)

    assert num_weights(share_candidate_embedding=True) + 1 == num_weights(share_candidate_embedding=False)


def test_query_id_and_history_can_be_left_out():
    model = _build(use_query_id=False, history_length=0)
    assert list(model.query_tower.input_specs) == ["sex"]
    with pytest.raises(
        model_config.ModelConfigError, match="A query needs an id, a history or a feature to be encoded"
    ):
        _build(dataclasses.replace(_INPUTS, query_features=()), use_query_id=False, history_length=0)


def test_the_loss_is_a_mean_over_the_batch():
    model = _build(log_q_correction="none", temperature=1.0)
    batch = _batch()
    query = model.query_tower(batch["query"]).numpy()
    candidate = model.candidate_tower(batch["candidate"]).numpy()
    scores = query @ candidate.T
    expected = np.mean([np.log(np.sum(np.exp(scores[i]))) - scores[i, i] for i in range(2)])
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-5)


def test_temperature_correction_and_accidental_hits_reach_the_task():
    def loss(candidate_ids=("c1", "c2"), **options):
        model = _build(**options)
        batch = _batch()
        batch["candidate"]["candidate_id"] = tf.constant(candidate_ids)
        for _ in range(3):
            value = model.compute_loss(batch, training=True)
        return float(value)

    assert loss(temperature=0.5) != pytest.approx(loss(temperature=1.0))
    # With every candidate the row's own positive, no negative is left.
    same = ("c1", "c1")
    assert loss(same, remove_accidental_hits=True) == pytest.approx(0.0, abs=1e-6)
    assert loss(same, remove_accidental_hits=False) > 0.1
    # Where all candidates come equally often, the correction cancels.
    assert loss(log_q_correction="yi2019") == pytest.approx(loss(log_q_correction="none"), rel=1e-5)


def test_the_frequency_has_four_buckets_per_candidate_unless_told_otherwise():
    def sizes(**options):
        model = _build(**options)
        return {int(np.prod(weight.shape)) for weight in model.task.non_trainable_variables}

    # Scalars, sums of each of three windows and each pair of them, arrays of hashes times buckets, a sample of 256.
    assert sizes() == {1, 3, 9, 4 * 2, 256}
    assert sizes(frequency_num_hashes=6) == {1, 3, 9, 6 * 2, 256}
    assert sizes(frequency_num_hashes=1, frequency_num_buckets=50) == {1, 3, 9, 50, 256}
    # Steps and draws, and the last hit and the mean gap of each bucket.
    assert sizes(frequency_estimator="paper") == {1, 4 * 2, 256}
    assert sizes(log_q_correction="none") == set()


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    first, second, other = _build(), _build(), _build(seed=1)
    assert float(first.compute_loss(_batch())) == float(second.compute_loss(_batch()))
    assert float(first.compute_loss(_batch())) != float(other.compute_loss(_batch()))


def test_options_come_back_from_json():
    config = model_config.ModelConfig(query_hidden_units=(64, 32), temperature=0.1)
    assert model_config.ModelConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("embedding_dim", 0, "embedding_dim must be >= 1, but is 0."),
        (
            "query_hidden_units",
            (8, 0),
            r"query_hidden_units, candidate_hidden_units must be >= 1 each, but is \(8, 0\).",
        ),
        ("candidate_hidden_units", (-1,), r"candidate_hidden_units must be >= 1 each, but is \(-1,\)."),
        ("history_length", -1, "history_length must be >= 0, but is -1."),
        ("dropout", 1.0, r"dropout must be in \[0, 1\), but is 1.0."),
        ("dropout", float("nan"), r"dropout must be in \[0, 1\), but is nan."),
        ("query_id_dropout", 1.0, r"query_id_dropout must be in \[0, 1\), but is 1.0."),
        ("candidate_id_dropout", -0.1, r"candidate_id_dropout must be in \[0, 1\), but is -0.1."),
        ("query_cross_layers", -1, "query_cross_layers must be >= 0, but is -1."),
        ("candidate_cross_layers", -2, "candidate_cross_layers must be >= 0, but is -2."),
        ("history_layers", 0, "history_layers must be >= 1, but is 0."),
        ("history_heads", 0, "history_heads must be >= 1, but is 0."),
        ("num_oov_buckets", 0, "num_oov_buckets must be >= 1, but is 0."),
        ("temperature", 0.0, "temperature must be > 0 and finite, but is 0.0."),
        ("temperature", float("nan"), "temperature must be > 0 and finite, but is nan."),
        ("frequency_num_buckets", -1, "frequency_num_buckets must be >= 0, but is -1."),
        ("frequency_num_hashes", 0, "frequency_num_hashes must be >= 1, but is 0."),
        ("frequency_estimator", "exact", "frequency_estimator must be one of multiscale, paper, but is exact."),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(option, value, sentence):
    with pytest.raises(model_config.ModelConfigError, match=sentence):
        model_config.ModelConfig(**{option: value})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"history_encoder": "gru", "history_length": 0},
            "history_encoder=gru needs histories, but history_length is 0",
        ),
        (
            {"history_encoder": "self_attention", "embedding_dim": 33},
            "history_heads must divide embedding_dim=33, but is 2; every head reads an equal part",
        ),
        ({"history_encoder": "gru", "history_time_gaps": True}, "for history_encoder=self_attention, but it is gru"),
    ],
)
def test_a_history_encoder_that_cannot_read_as_told_is_refused(options, sentence):
    with pytest.raises(model_config.ModelConfigError, match=sentence):
        model_config.ModelConfig(**options)


@pytest.mark.parametrize("encoder", ["mean", "recency_weighted_mean", "gru"])
def test_an_encoder_without_heads_has_any_width(encoder):
    model = _build(embedding_dim=3, history_encoder=encoder)
    assert model.query_tower.embedding_dim == 3
