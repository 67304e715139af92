import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrs_model import batch_loss, column_masks, objectives


@dataclasses.dataclass(frozen=True)
class _Batch:
    queries: np.ndarray
    embeddings: np.ndarray
    log_q: np.ndarray | None
    keys: np.ndarray
    row_keys: np.ndarray | None
    score_mask: np.ndarray | None
    weights: np.ndarray

    @property
    def num_rows(self):
        return len(self.queries)


def _batch(num_rows, num_extra, dim, has_log_q, has_mask, has_score_mask, seed):
    generator = np.random.default_rng(seed)
    num_columns = num_rows + num_extra
    keys = generator.integers(0, max(2, num_columns // 2), num_columns)
    return _Batch(
        queries=generator.normal(size=[num_rows, dim]).astype(np.float32),
        embeddings=generator.normal(size=[num_columns, dim]).astype(np.float32),
        log_q=np.log(generator.random(num_columns) * 0.4 + 1e-4).astype(np.float32) if has_log_q else None,
        keys=keys,
        row_keys=np.stack([keys[:num_rows], generator.integers(0, num_columns, num_rows)], 1) if has_mask else None,
        score_mask=generator.random([num_rows, num_columns]) < 0.7 if has_score_mask else None,
        weights=generator.choice([0.0, 0.5, 2.0], num_rows).astype(np.float32),
    )


def _ours(batch, objective, hard=None, logits_per_block=1):
    queries, embeddings = tf.constant(batch.queries), tf.constant(batch.embeddings)
    mask = None
    if batch.row_keys is not None:
        mask = column_masks.mask_columns(tf.constant(batch.keys), tf.constant(batch.row_keys))
    with tf.GradientTape() as tape:
        tape.watch([queries, embeddings])
        columns = batch_loss.Columns(
            embeddings,
            first_positive=tf.constant(0),
            num_rows=tf.constant(batch.num_rows),
            log_q=None if batch.log_q is None else tf.constant(batch.log_q),
            log_complement=None if batch.log_q is None else tf.math.log1p(-tf.exp(batch.log_q[: batch.num_rows])),
            mask=mask,
            score_mask=None if batch.score_mask is None else tf.constant(batch.score_mask),
        )
        result = batch_loss.batch_loss(queries, columns, tf.constant(batch.weights), objective, hard, logits_per_block)
    return result, *tape.gradient(result.loss, [queries, embeddings])


def _plain_softmax(batch, hard=None):
    """The corrected softmax in double precision, row after row, and its gradients by formula."""
    queries, embeddings = batch.queries.astype(float), batch.embeddings.astype(float)
    loss, of_queries, of_embeddings = 0.0, np.zeros_like(queries), np.zeros_like(embeddings)
    for i, query in enumerate(queries):
        logits = embeddings @ query - (0.0 if batch.log_q is None else batch.log_q.astype(float))
        columns = [j for j in range(len(embeddings)) if j != i and not _is_masked(batch, i, j)]
        if hard is not None:
            columns = sorted(columns, key=lambda j: -logits[j])[:hard]
        columns = [i, *columns]
        shares = np.exp(logits[columns] - logits[columns].max())
        shares /= shares.sum()
        loss -= batch.weights[i] * np.log(shares[0])
        shares[0] -= 1.0
        of_queries[i] = batch.weights[i] * shares @ embeddings[columns]
        of_embeddings[columns] += batch.weights[i] * shares[:, np.newaxis] * query
    return loss, of_queries, of_embeddings


def _is_masked(batch, i, j):
    by_key = batch.row_keys is not None and batch.keys[j] in batch.row_keys[i]
    return by_key or (batch.score_mask is not None and not batch.score_mask[i, j])


def _assert_near(ours, expected, tolerance=1e-5):
    for mine, theirs in zip(ours, expected, strict=True):
        assert np.linalg.norm(mine - theirs) <= tolerance * max(np.linalg.norm(theirs), 1e-3)


@settings(max_examples=60, deadline=None)
@given(
    num_rows=st.integers(1, 150),
    num_extra=st.integers(0, 40),
    dim=st.integers(1, 9),
    has_log_q=st.booleans(),
    has_mask=st.booleans(),
    has_score_mask=st.booleans(),
    hard=st.sampled_from([None, None, 1, 5, 1000]),
    seed=st.integers(0, 99),
)
def test_loss_and_gradients_are_those_of_the_softmax_row_by_row(
    num_rows, num_extra, dim, has_log_q, has_mask, has_score_mask, hard, seed
):
    batch = _batch(num_rows, num_extra, dim, has_log_q, has_mask, has_score_mask, seed)
    result, *gradients = _ours(batch, objectives.Softmax(), hard)
    _assert_near([result.loss.numpy(), *(each.numpy() for each in gradients)], _plain_softmax(batch, hard))


@pytest.mark.parametrize("name", sorted(objectives.OBJECTIVES))
@pytest.mark.parametrize("hard", [None, 4])
def test_blocks_do_not_change_what_an_objective_costs(name, hard):
    batch = _batch(150, 20, 6, True, True, False, seed=3)
    whole = _ours(batch, objectives.OBJECTIVES[name](), hard, logits_per_block=1 << 22)
    parts = _ours(batch, objectives.OBJECTIVES[name](), hard, logits_per_block=1)
    _assert_near(
        [parts[0].loss.numpy(), parts[1].numpy(), parts[2].numpy()],
        [whole[0].loss.numpy(), whole[1].numpy(), whole[2].numpy()],
        tolerance=1e-6,
    )


@pytest.mark.parametrize("objective", [objectives.BayesianPersonalisedRanking(), objectives.BinaryCrossEntropy()])
def test_gradients_of_pairs_and_points_are_the_slopes_of_the_loss(objective):
    batch = _batch(7, 3, 4, True, True, False, seed=5)
    _, of_queries, of_embeddings = _ours(batch, objective)
    for name, gradient in (("queries", of_queries), ("embeddings", of_embeddings)):
        direction = np.random.default_rng(0).normal(size=gradient.shape).astype(np.float32)
        moved = [
            dataclasses.replace(batch, **{name: getattr(batch, name) + sign * 1e-2 * direction}) for sign in (1, -1)
        ]
        up, down = (float(_ours(each, objective)[0].loss) for each in moved)
        assert (up - down) / 2e-2 == pytest.approx(float(np.sum(direction * gradient)), rel=1e-2)


def test_the_corrected_softmax_has_the_gradient_of_the_full_softmax_when_everything_is_drawn():
    """All candidates as negatives, each with its true probability 1/n, leave nothing to estimate."""
    generator = np.random.default_rng(2)
    query, candidates = generator.normal(size=[1, 4]), generator.normal(size=[6, 4])
    batch = _Batch(
        queries=query.astype(np.float32),
        embeddings=candidates.astype(np.float32),
        log_q=np.full(6, -np.log(6.0), np.float32),
        keys=np.arange(6),
        row_keys=None,
        score_mask=None,
        weights=np.ones(1, np.float32),
    )
    _, of_query, of_candidates = _ours(batch, objectives.CorrectedSoftmax())
    logits = candidates @ query[0]
    shares = np.exp(logits) / np.exp(logits).sum()
    shares[0] -= 1.0
    np.testing.assert_allclose(of_query[0], shares @ candidates, atol=1e-5)
    np.testing.assert_allclose(of_candidates, shares[:, np.newaxis] * query, atol=1e-5)


def test_a_confident_row_keeps_the_digits_of_its_small_gradient():
    queries = tf.constant([[1.0, 0.0]])
    embeddings = tf.constant([[30.0, 0.0], [0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(queries)
        columns = batch_loss.Columns(embeddings, tf.constant(0), tf.constant(1))
        loss = batch_loss.batch_loss(queries, columns, tf.ones([1]), objectives.Softmax()).loss
    # By hand: e^-30 = 9.358e-14, times (0 - 30, 1 - 0); 1 - softmax would be 0 in float32.
    np.testing.assert_allclose(loss, 9.358e-14, rtol=1e-3)
    np.testing.assert_allclose(tape.gradient(loss, queries), [[-30 * 9.358e-14, 9.358e-14]], rtol=1e-3)


def test_the_positives_may_begin_at_any_column():
    batch = _batch(5, 4, 3, True, False, False, seed=1)
    order = np.array([5, 6, 0, 1, 2, 3, 4, 7, 8])
    expected, of_queries, of_embeddings = _ours(batch, objectives.Softmax())
    queries, embeddings = tf.constant(batch.queries), tf.constant(batch.embeddings[order])
    with tf.GradientTape() as tape:
        tape.watch([queries, embeddings])
        columns = batch_loss.Columns(
            embeddings, first_positive=tf.constant(2), num_rows=tf.constant(5), log_q=tf.constant(batch.log_q[order])
        )
        loss = batch_loss.batch_loss(queries, columns, tf.constant(batch.weights), objectives.Softmax()).loss
    moved_of_queries, moved_of_embeddings = tape.gradient(loss, [queries, embeddings])
    assert float(loss) == pytest.approx(float(expected.loss), rel=1e-5)
    np.testing.assert_allclose(moved_of_queries, of_queries, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved_of_embeddings, of_embeddings.numpy()[order], rtol=1e-5, atol=1e-6)


class _Spy(objectives.Softmax):
    def __init__(self):
        self.sizes = []

    def gradients(self, rows):
        self.sizes.append(int(tf.size(rows.negatives)))
        return super().gradients(rows)


def test_a_block_holds_no_more_logits_than_its_bound_and_together_they_hold_all():
    batch = _batch(1000, 50, 4, True, True, False, seed=0)
    spy = _Spy()
    _ours(batch, spy, logits_per_block=200_000)
    assert max(spy.sizes) <= 200_000
    assert sum(spy.sizes) == 1000 * 1050
