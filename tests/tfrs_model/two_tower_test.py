import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import frequency, string_embedding, task, towers, two_tower


def _towers(query_dim=3, candidate_dim=3, dropout=0.0):
    query_ids = string_embedding.StringEmbedding(["u1", "u2"], 4, name="query_id")
    candidate_ids = string_embedding.StringEmbedding(["c1", "c2"], 4, name="candidate_id")
    return (
        towers.QueryTower(query_ids, None, embedding_dim=query_dim, dropout=dropout),
        towers.CandidateTower(candidate_ids, embedding_dim=candidate_dim, dropout=dropout),
    )


def _batch(query_ids=("u1", "u2"), candidate_ids=("c1", "c2"), weight=(1.0, 1.0)):
    return {
        "query": {"query_id": tf.constant(query_ids)},
        "candidate": {"candidate_id": tf.constant(candidate_ids)},
        "weight": tf.constant(weight),
    }


def _cross_entropy(query, candidate, weight):
    """Summed softmax cross entropy of the diagonal, in a loop."""
    total = 0.0
    for i in range(len(query)):
        scores = [float(np.dot(query[i], candidate[j])) for j in range(len(candidate))]
        total += weight[i] * (np.log(sum(np.exp(scores))) - scores[i])
    return total


def test_the_loss_is_the_weighted_softmax_of_the_towers_scores():
    query_tower, candidate_tower = _towers()
    model = two_tower.TwoTowerModel(query_tower, candidate_tower, task.Retrieval())
    batch = _batch(weight=(2.0, 0.5))
    expected = _cross_entropy(
        query_tower(batch["query"]).numpy(), candidate_tower(batch["candidate"]).numpy(), [2.0, 0.5]
    )
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-5)


def _compiled(estimate=None):
    model = two_tower.TwoTowerModel(*_towers(), task.Retrieval(streaming_frequency=estimate))
    model.compile(optimizer=tf.keras.optimizers.SGD(0.5), run_eagerly=True)
    return model


def test_fit_counts_candidates_and_evaluate_only_reads_the_counts():
    estimate = frequency.StreamingFrequency(100)
    model = _compiled(estimate)
    batches = tf.data.Dataset.from_tensors(_batch(candidate_ids=("c1", "c1")))
    model.fit(batches.repeat(4), verbose=0)
    # Two copies of c1 in each of four batches; c2 reads as half a draw beside those eight, in batches of two.
    expected = [2.0, 2 * 0.5 / 9]
    np.testing.assert_allclose(estimate(tf.constant(["c1", "c2"])), expected, rtol=1e-3)
    model.evaluate(batches, verbose=0)
    np.testing.assert_allclose(estimate(tf.constant(["c1", "c2"])), expected, rtol=1e-3)


def test_the_mean_loss_is_that_of_all_steps_of_an_execution_and_starts_anew_with_each_epoch():
    batches = [_batch(weight=(weight, 1.0)) for weight in (1.0, 2.0, 4.0)]

    def dataset():
        return tf.data.Dataset.from_generator(
            lambda: iter(batches), output_signature=tf.nest.map_structure(tf.type_spec_from_value, batches[0])
        )

    still = tf.keras.optimizers.SGD(1e-30)
    model = two_tower.TwoTowerModel(*_towers(), task.Retrieval())
    model.compile(optimizer=still, steps_per_execution=2)
    losses = [float(model.compute_loss(batch)) for batch in batches]
    logs = model.fit(dataset().repeat(), epochs=2, steps_per_epoch=3, verbose=0).history
    np.testing.assert_allclose(logs["loss"], losses[2], rtol=1e-6)
    np.testing.assert_allclose(logs["mean_loss"], np.mean(losses), rtol=1e-6)
    evaluated = model.evaluate(dataset(), verbose=0, steps=3, return_dict=True)
    np.testing.assert_allclose(evaluated["mean_loss"], np.mean(losses), rtol=1e-6)


def test_fit_brings_each_query_to_its_candidate():
    model = _compiled()
    model.fit(tf.data.Dataset.from_tensors(_batch()).repeat(20), verbose=0)
    scores = model.query_tower(_batch()["query"]).numpy() @ model.candidate_tower(_batch()["candidate"]).numpy().T
    np.testing.assert_array_equal(np.argmax(scores, axis=1), [0, 1])


def test_a_checkpoint_holds_the_frequencies_and_the_dropout_calls(tmp_path):
    def model():
        estimate = frequency.StreamingFrequency(100)
        return two_tower.TwoTowerModel(*_towers(dropout=0.5), task.Retrieval(streaming_frequency=estimate))

    first = model()
    for _ in range(3):
        first.compute_loss(_batch(), training=True)
    path = tf.train.Checkpoint(model=first).save(tmp_path / "checkpoint")
    second = model()
    second.compute_loss(_batch(), training=False)
    tf.train.Checkpoint(model=second).restore(path).assert_consumed()
    for _ in range(2):
        np.testing.assert_array_equal(
            second.compute_loss(_batch(), training=True), first.compute_loss(_batch(), training=True)
        )


def test_only_the_towers_are_trained():
    model = two_tower.TwoTowerModel(*_towers(), task.Retrieval(streaming_frequency=frequency.StreamingFrequency(100)))
    model.compute_loss(_batch(), training=True)
    # Id table, kernel and bias of each tower.
    assert sorted(tuple(each.shape) for each in model.trainable_variables) == [
        (3,),
        (3,),
        (4, 3),
        (4, 3),
        (4, 4),
        (4, 4),
    ]


def test_towers_of_unequal_width_are_refused():
    with pytest.raises(
        ValueError, match="must share one embedding_dim, but the query tower has 3 and the candidate tower 5"
    ):
        two_tower.TwoTowerModel(*_towers(3, 5), task.Retrieval())


def test_rows_of_one_window_are_no_negatives_of_each_other_and_mask_only_what_they_see():
    candidates = string_embedding.StringEmbedding(["c1", "c2", "c3", "c4"], 4, name="candidate_id")
    query_tower = towers.QueryTower(None, candidates, history_length=4, embedding_dim=3)
    candidate_tower = towers.CandidateTower(candidates, embedding_dim=3)
    model = two_tower.TwoTowerModel(query_tower, candidate_tower, task.Retrieval(), masks_history=True)
    # Window 0 has rows 0 and 1, window 1 rows 2 and 3; row 2 sees c1, which is row 0's positive, row 3 also c3.
    query = {
        "history": tf.constant([["c4", "c2"], ["c1", "c3"]]),
        "history_row": tf.constant([0, 0, 1, 1], tf.int64),
        "history_end": tf.constant([0, 1, 1, 2], tf.int64),
    }
    ids = tf.constant(["c1", "c2", "c3", "c4"])
    batch = {"query": query, "candidate": {"candidate_id": ids}, "weight": tf.ones([4]), "group": query["history_row"]}
    scores = query_tower(query).numpy() @ candidate_tower({"candidate_id": ids}).numpy().T
    # Row 1 has seen c4; rows 2 and 3 have seen c1; a row's own window is left out.
    kept = [[0, 2, 3], [1, 2], [2, 1], [3, 1]]
    expected = sum(np.log(np.sum(np.exp(scores[row, kept[row]]))) - scores[row, row] for row in range(4))
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-5)
