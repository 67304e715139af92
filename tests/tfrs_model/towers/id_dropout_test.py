"""Ids that training takes for unknown ones, seen through a tower whose output is the number of the id's row."""

import json
import subprocess
import sys

import numpy as np
import tensorflow as tf

from tfrs_model import string_embedding, towers


def _with_linear_output(tower, batch):
    """Makes a tower whose output is its last inputs, the id's, of a table whose row r reads r."""
    tower(batch)
    (rows, width), (num_inputs, _) = (
        np.shape(each.get_weights()[0]) for each in (tower._id_embedding, tower._projection)
    )
    tower._id_embedding.set_weights([np.arange(rows)[:, np.newaxis] * np.ones(width)])
    tower._projection.set_weights([np.eye(num_inputs)[:, -1:], np.zeros(1)])
    return tower


def _one_of_ids(id_dropout, num_oov_buckets=1, seed=0):
    ids = string_embedding.StringEmbedding([f"c{i}" for i in range(1000)], 1, num_oov_buckets)
    tower = towers.CandidateTower(ids, embedding_dim=1, similarity="dot", id_dropout=id_dropout, seed=seed)
    return _with_linear_output(tower, {"candidate_id": tf.constant(["c0"])})


_THOUSAND = {"candidate_id": tf.constant([f"c{i}" for i in range(1000)])}


def test_training_takes_the_given_share_of_ids_for_unknown_and_nothing_else_does():
    tower = _one_of_ids(0.3)
    known = np.arange(2, 1002)[:, np.newaxis]
    dropped = tower(_THOUSAND, training=True).numpy()
    is_dropped = dropped == 1
    # Five deviations of a mean of 1000 draws: 5 * sqrt(0.3 * 0.7 / 1000) = 0.072.
    assert abs(is_dropped.mean() - 0.3) < 0.072
    np.testing.assert_array_equal(dropped, np.where(is_dropped, 1, known))
    for training in (None, False):
        np.testing.assert_array_equal(tower(_THOUSAND, training=training), known)
    assert not np.array_equal(tower(_THOUSAND, training=True), dropped)


def test_a_new_id_gets_the_row_that_its_dropped_twin_trained():
    tower = _one_of_ids(0.99, num_oov_buckets=7)
    dropped = tower(_THOUSAND, training=True).numpy()[:, 0]
    strangers = string_embedding.StringEmbedding(["other"], 1, 7)
    unaware = towers.CandidateTower(strangers, embedding_dim=1, similarity="dot")
    served = _with_linear_output(unaware, _THOUSAND)(_THOUSAND).numpy()[:, 0]
    # Known ids have the rows from 8 on.
    np.testing.assert_array_equal(dropped[dropped < 8], served[dropped < 8])
    assert set(dropped[dropped < 8]) == set(range(1, 8))


def test_dropped_ids_are_repeated_after_a_restore_and_by_a_graph(tmp_path):
    tower = _one_of_ids(0.5)
    for _ in range(3):
        tower(_THOUSAND, training=True)
    path = tf.train.Checkpoint(tower=tower).save(tmp_path / "checkpoint")
    undisturbed = [tower(_THOUSAND, training=True).numpy() for _ in range(2)]
    resumed = _one_of_ids(0.5)
    tf.train.Checkpoint(tower=resumed).restore(path).assert_consumed()
    in_graph = tf.function(lambda inputs: resumed(inputs, training=True))
    for expected in undisturbed:
        np.testing.assert_array_equal(in_graph(_THOUSAND), expected)
    assert not np.array_equal(_one_of_ids(0.5, seed=1)(_THOUSAND, training=True), undisturbed[0])


def test_without_id_dropout_the_checkpoint_has_no_counter_for_it():
    def num_counters(id_dropout):
        return sum("num_calls" in each.name for each in _one_of_ids(id_dropout).non_trainable_variables)

    assert [num_counters(0.0), num_counters(0.2)] == [1, 2]


def test_replicas_drop_different_rows_of_the_same_ids():
    command = [sys.executable, "-m", "tests.tfrs_model.towers.dropped_on_replicas"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    first, second = json.loads(answer.stdout.splitlines()[-1])
    assert 0 < sum(first) < len(first)
    assert 0 < sum(second) < len(second)
    # Of two independent draws with probability .5 about half agree: 5 deviations are 5 * sqrt(.25 / 400) = 0.125.
    assert abs(np.mean(np.equal(first, second)) - 0.5) < 0.125
