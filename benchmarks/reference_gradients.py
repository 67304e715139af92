"""Derivatives of the sampled losses by their logits, written once more in plain NumPy to hold the product's against."""

import numpy as np


def softmax_gradient(logits: np.ndarray, expected_count: np.ndarray | None, is_masked: np.ndarray) -> np.ndarray:
    """Returns the derivative of -log softmax(logits - log expected_count) of the positive, by each logit.

    Args:
      logits: `[..., num_queries, num_columns]`; the positive of query i is column i.
      expected_count: `[..., num_columns]`, up to a factor; `None` corrects nothing.
      is_masked: like the logits; true leaves a column out.
    """
    log_q = 0.0 if expected_count is None else np.log(expected_count)[..., np.newaxis, :]
    return softmax(np.where(is_masked, -np.inf, logits - log_q)) - np.eye(*logits.shape[-2:])


def corrected_gradient(logits: np.ndarray, probability: np.ndarray, is_hit: np.ndarray) -> np.ndarray:
    """Returns the derivative by each logit of the loss of Khrylchenko et al. (RecSys 2025), for positive p:

        -sg(1 - P) log(exp f_p / sum_d exp(f_d - log Q'(d))),   Q'(d) = Q(d) / (1 - Q(p))
        P = exp f_p / (exp f_p + (1 / n) sum_d exp(f_d - log Q'(d)))

    over the n draws d that are not p. A row without any has no gradient.

    Args:
      logits: `[..., num_queries, num_columns]`; the positive of query i is column i.
      probability: `[..., num_columns]`, Q, of one draw being the candidate of the column.
      is_hit: like the logits; where the candidate is the row's positive, its own column included.
    """
    num_queries = logits.shape[-2]
    of_positive = probability[..., :num_queries, np.newaxis]
    terms = np.where(is_hit, 0.0, np.exp(logits) / probability[..., np.newaxis, :]) * (1.0 - of_positive)
    total, draws = terms.sum(axis=-1, keepdims=True), (~is_hit).sum(axis=-1, keepdims=True)
    positive = np.exp(np.diagonal(logits, axis1=-2, axis2=-1))[..., np.newaxis]
    rest = total / np.maximum(draws, 1)
    share = terms / np.where(draws > 0, total, 1.0)
    return np.where(draws > 0, rest / (positive + rest), 0.0) * (share - np.eye(*logits.shape[-2:]))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
