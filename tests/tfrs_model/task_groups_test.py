import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import task


def _embeddings(num_queries, num_extra=0):
    generator = np.random.default_rng(0)
    return (
        tf.constant(generator.normal(size=[num_queries, 5]), tf.float32),
        tf.constant(generator.normal(size=[num_queries + num_extra, 5]), tf.float32),
    )


def test_rows_of_one_group_are_no_negatives_of_each_other_and_extra_candidates_are_of_all():
    queries, candidates = _embeddings(num_queries=5, num_extra=2)
    groups = [7, 3, 7, 7, 0]
    logits = queries.numpy() @ candidates.numpy().T
    expected = 0.0
    for row, group in enumerate(groups):
        kept = [column for column in range(7) if column == row or column >= 5 or groups[column] != group]
        expected += np.log(np.sum(np.exp(logits[row, kept]))) - logits[row, row]
    loss = task.Retrieval()(queries, candidates, group_ids=tf.constant(groups, tf.int64))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_groups_and_accidental_hits_are_masked_together():
    queries, candidates = _embeddings(num_queries=4)
    ids, groups = ["a", "b", "a", "c"], [1, 1, 2, 2]
    logits = queries.numpy() @ candidates.numpy().T
    expected = 0.0
    for row in range(4):
        kept = [c for c in range(4) if c == row or (groups[c] != groups[row] and ids[c] != ids[row])]
        expected += np.log(np.sum(np.exp(logits[row, kept]))) - logits[row, row]
    retrieval = task.Retrieval(remove_accidental_hits=True)
    loss = retrieval(queries, candidates, candidate_ids=tf.constant(ids), group_ids=tf.constant(groups, tf.int64))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("ids", [["1", "group 1", "x"], ["-1", "group 0", "2"]])
def test_no_group_is_taken_for_an_id_of_the_same_name(ids):
    queries, candidates = _embeddings(num_queries=3)
    logits = queries.numpy() @ candidates.numpy().T
    expected = np.sum(np.log(np.exp(logits).sum(axis=1)) - np.diag(logits))
    retrieval = task.Retrieval(remove_accidental_hits=True)
    groups = tf.constant([0, 1, 2], tf.int64)
    np.testing.assert_allclose(
        retrieval(queries, candidates, candidate_ids=tf.constant(ids), group_ids=groups), expected, rtol=1e-5
    )
