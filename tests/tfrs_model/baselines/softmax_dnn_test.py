import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import model_config
from tfrs_model.baselines import softmax_dnn


def _build(num_candidates=None, **options):
    inputs = model_config.ModelInputs(("u1", "u2"), ("c1", "c2", "c3"))
    ids = np.array([*inputs.candidate_ids, *(f"more-{i}" for i in range((num_candidates or 0) - 3))], object)
    config = model_config.ModelConfig(
        **{"embedding_dim": 8, "history_length": 2, "dropout": 0.0, "similarity": "dot", "temperature": 1.0, **options}
    )
    return softmax_dnn.build_softmax_dnn(config, inputs, 0, ids, np.ones(len(ids), np.int64))


def _batch():
    """Three queries, and their positives in another order than that of the corpus."""
    history = tf.constant([["c1", "c2"], ["", "never"], ["", "c3"]])
    queries = {"query_id": tf.constant(["u1", "stranger", "u2"]), "history": history}
    candidates = {"candidate_id": tf.constant(["c2", "c1", "c3"])}
    return {"query": queries, "candidate": candidates, "weight": tf.constant([1.0, 0.5, 2.0])}


def _row_of(model, batch):
    return model.candidate_tower.rows_of(batch["candidate"])


def test_the_loss_is_the_softmax_of_the_query_towers_product_with_every_row():
    model, batch = _build(query_hidden_units=(12,)), _batch()
    scores = np.exp(model.query_tower(batch["query"]).numpy() @ model.candidate_tower.matrix.numpy().T)
    assert _row_of(model, batch).numpy().tolist() == [1, 0, 2]
    own = scores[np.arange(len(scores)), _row_of(model, batch)]
    expected = np.mean(-np.log(own / scores.sum(axis=1)) * batch["weight"].numpy())
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


def test_a_step_moves_every_row_of_the_matrix_up_to_the_limit_and_above_it_only_those_drawn(monkeypatch):
    monkeypatch.setattr(softmax_dnn, "MAX_FULL_SOFTMAX", 40)
    monkeypatch.setattr(softmax_dnn, "NUM_SAMPLED", 5)
    for num_candidates, most in ((40, 40), (41, 5 + len(_batch()["weight"]))):
        model, batch = _build(num_candidates), _batch()
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, training=True)
        gradient = tf.convert_to_tensor(tape.gradient(loss, model.candidate_tower.matrix)).numpy()
        moved = np.abs(gradient).max(axis=1) > 0
        assert moved.all() if num_candidates == 40 else 0 < moved.sum() <= most


def test_it_learns_which_candidate_goes_with_which_query():
    model, batch = _build(), _batch()
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(0.05))
    step = tf.function(lambda: model.train_step(batch))
    for _ in range(60):
        step()
    scores = model.query_tower(batch["query"]).numpy() @ model.candidate_tower(batch["candidate"]).numpy().T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"similarity": "cosine"}, "needs similarity=dot, but similarity is 'cosine'"),
        ({"candidate_hidden_units": (4,)}, r"to which candidate_hidden_units is nothing; leave it at \(\)"),
        ({"bank_size": 10}, "to which bank_size is nothing; leave it at 0"),
    ],
)
def test_options_that_mean_nothing_here_are_refused(options, sentence):
    with pytest.raises(model_config.ModelConfigError, match=sentence):
        _build(**options)
