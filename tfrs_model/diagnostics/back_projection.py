"""Similarities of what a linear model predicts, X A B', in place of those of its factors.

The remedy of Steck, Ekanadham and Kallus (WWW 2024, sec. 3) that needs no other training: A B' is determined where A
and B are not, so that no rescaling of the factors changes these cosines.
"""

import numpy as np

from tfrs_model.baselines.linear_models import LinearModel


def candidate_cosines(model: LinearModel, gram: np.ndarray) -> np.ndarray:
    """Returns the cosines of the columns of X A B', without making its rows.

    The products of two columns are B A' X'X A B'. A column of length 0 has the cosine 0 with all.

    Args:
      model: fitted to X.
      gram: `[num_candidates, num_candidates]`, X'X.

    Returns:
      `[num_candidates, num_candidates]` float64.
    """
    inner = model.encoder.T @ gram @ model.encoder
    products = model.candidate_embeddings @ inner @ model.candidate_embeddings.T
    lengths = np.sqrt(np.maximum(np.diag(products), 0.0))
    scales = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0.0)
    return products * scales * scales[:, np.newaxis]
