"""Every option of the objective does something, and any may go with any other."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import model_config, negatives, two_tower_builder

_IDS = tuple(f"c{i}" for i in range(40))
_INPUTS = model_config.ModelInputs(query_ids=("u1", "u2", "u3"), candidate_ids=_IDS)
_NUM_STEPS = 4

# What each option is changed to, and what has to be on for it to matter.
_CHANGES = {
    "history_encoder": ("gru", {}),
    "history_layers": (1, {"history_encoder": "self_attention"}),
    "history_heads": (4, {"history_encoder": "self_attention"}),
    "history_time_gaps": (True, {"history_encoder": "self_attention"}),
    "reads_moment": (True, {}),
    "query_cross_layers": (1, {}),
    "candidate_cross_layers": (1, {}),
    "skip_connection": (True, {}),
    "query_id_dropout": (0.3, {}),
    "candidate_id_dropout": (0.3, {}),
    "similarity": ("dot", {}),
    "objective": ("bayesian_personalised_ranking", {}),
    "temperature": (0.5, {}),
    "learn_temperature": (True, {}),
    "log_q_correction": ("corrected2025", {}),
    "remove_accidental_hits": (True, {}),
    "remove_history": (True, {}),
    "negatives": ("labels", {"objective": "binary_cross_entropy", "log_q_correction": "none"}),
    "num_row_negatives": (9, {"negatives": "per_row", "log_q_correction": "none", "num_row_negatives": 4}),
    "num_hard_negatives": (3, {}),
    "num_uniform_negatives": (8, {}),
    "num_corpus_hard_negatives": (8, {}),
    "corpus_refresh_steps": (2, {"num_corpus_hard_negatives": 8}),
    "bank_size": (16, {"bank_warm_up_steps": 1}),
    "bank_warm_up_steps": (2, {"bank_size": 16}),
    "frequency_estimator": ("paper", {}),
    "frequency_num_buckets": (2, {}),
    "frequency_num_hashes": (1, {"frequency_num_buckets": 3}),
}
_OF_TOWERS = {
    "embedding_dim",
    "query_hidden_units",
    "candidate_hidden_units",
    "use_query_id",
    "history_length",
    "share_candidate_embedding",
    "dropout",
    "num_oov_buckets",
}


def _batches():
    generator = np.random.default_rng(0)
    for _ in range(_NUM_STEPS):
        drawn = generator.zipf(1.5, size=[12, 3]) % len(_IDS)
        yield {
            "query": {
                "query_id": tf.constant(generator.choice(["u1", "u2", "u3"], 12)),
                "history": tf.constant(np.array(_IDS)[drawn[:, 1:]]),
                "history_timestamps": tf.constant([[0, 10**9]] * 12, tf.int64),
                "moment": tf.constant([10**9, 10**10, 10**12] * 4, tf.int64),
            },
            "candidate": {"candidate_id": tf.constant(np.array(_IDS)[drawn[:, 0]])},
            "weight": tf.constant(generator.choice([0.5, 1.0], 12), tf.float32),
        }


def _losses(**options):
    defaults = {"embedding_dim": 4, "history_length": 2, "dropout": 0.0}
    ids = tf.constant(_IDS)
    corpus = negatives.Corpus(ids, lambda rows: {"candidate_id": tf.gather(ids, rows)})
    model = two_tower_builder.build_two_tower(model_config.ModelConfig(**{**defaults, **options}), _INPUTS, 0, corpus)
    model.compile(tf.keras.optimizers.SGD(0.5))
    return [float(model.train_step(batch)["loss"]) for batch in _batches()]


@pytest.fixture(scope="module")
def usual():
    return _losses()


def test_every_option_is_tried():
    names = {field.name for field in dataclasses.fields(model_config.ModelConfig)}
    assert set(_CHANGES) == names - _OF_TOWERS


@pytest.mark.parametrize("name", sorted(_CHANGES))
def test_an_option_changes_the_loss(usual, name):
    value, others = _CHANGES[name]
    before = _losses(**others) if others else usual
    after = _losses(**{**others, name: value})
    assert np.isfinite(after).all()
    assert not np.allclose(before, after, rtol=1e-4)


@pytest.mark.parametrize(
    ("objective", "correction"),
    [
        ("softmax", "none"),
        ("softmax", "yi2019"),
        ("softmax", "corrected2025"),
        ("bayesian_personalised_ranking", "none"),
        ("binary_cross_entropy", "yi2019"),
    ],
)
def test_everything_together_is_finite_and_is_learned_from(objective, correction):
    losses = _losses(
        objective=objective,
        log_q_correction=correction,
        learn_temperature=True,
        remove_accidental_hits=True,
        remove_history=True,
        num_hard_negatives=20,
        num_uniform_negatives=6,
        num_corpus_hard_negatives=6,
        corpus_refresh_steps=2,
        bank_size=24,
        bank_warm_up_steps=1,
    )
    assert np.isfinite(losses).all()
    assert len(set(losses)) == _NUM_STEPS


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"learn_temperature": True, "similarity": "dot"}, "learn_temperature needs vectors of fixed length"),
        ({"log_q_correction": "corrected2025", "objective": "binary_cross_entropy"}, "corrects the softmax"),
        ({"similarity": "euclidean", "objective": "binary_cross_entropy"}, "has none above 0"),
        (
            {"log_q_correction": "corrected2025", "frequency_estimator": "paper"},
            "which frequency_estimator=paper does not",
        ),
        ({"objective": "huber"}, "from which log_q_correction=yi2019 would move them"),
        (
            {
                "negatives": "labels",
                "log_q_correction": "none",
                "objective": "huber",
                "remove_history": True,
            },
            "no negatives to leave out",
        ),
        ({"remove_history": True, "history_length": 0}, "needs histories"),
        (
            {"query_id_dropout": 0.1, "use_query_id": False},
            "query_id_dropout=0.1 needs query ids to drop, but use_query",
        ),
        ({"negatives": "per_row", "log_q_correction": "none"}, "per_row, which needs 1 or more"),
        ({"num_row_negatives": 3}, "negatives is in_batch and num_row_negatives is 3"),
        ({"negatives": "labels"}, "draws nothing from the stream"),
        ({"negatives": "labels", "log_q_correction": "none"}, "nothing to compare a candidate with"),
        (
            {"negatives": "per_row", "num_row_negatives": 3, "log_q_correction": "none", "bank_size": 5},
            "bank_size is for negatives=in_batch",
        ),
        ({"num_hard_negatives": -1}, "num_hard_negatives must be >= 0, but is -1"),
        ({"corpus_refresh_steps": 0}, "corpus_refresh_steps must be >= 1, but is 0"),
        ({"similarity": "manhattan"}, "similarity must be one of dot, cosine, euclidean, but is manhattan"),
    ],
)
def test_options_that_clash_are_refused(options, sentence):
    with pytest.raises(model_config.ModelConfigError, match=sentence):
        model_config.ModelConfig(**options)


@pytest.mark.parametrize(
    "objective", ["softmax", "bayesian_personalised_ranking", "binary_cross_entropy", "squared_error", "huber"]
)
def test_rows_with_negatives_of_their_own_are_learned_from(objective):
    options = {"negatives": "per_row", "num_row_negatives": 5, "log_q_correction": "none"}
    masks = {"remove_accidental_hits": True, "remove_history": True}
    losses, masked = _losses(objective=objective, **options), _losses(objective=objective, **options, **masks)
    assert np.isfinite([*losses, *masked]).all()
    assert losses != masked


def test_a_bank_that_memory_cannot_hold_is_refused():
    with pytest.raises(negatives.CandidateBankError, match="lower its capacity"):
        _losses(bank_size=10**12)
