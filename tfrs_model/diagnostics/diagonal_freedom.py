"""The freedom that objective (1) leaves to embeddings: A D and B D^-1 predict as A and B do, for any diagonal D.

Steck, Ekanadham and Kallus, WWW 2024, sec. 2.2. The scales D that are named here start from the base solution A = B of
`linear_models.fit_product_penalty`, with A B' = V diag(w) V' and w = 1 / (1 + penalty / s^2).
"""

import dataclasses

import numpy as np

from tfrs_model.baselines.linear_models import LinearModel


class DiagonalFreedomError(ValueError):
    """Scales that are no invertible diagonal matrix; the message says why."""


def rescale(model: LinearModel, scales: np.ndarray) -> LinearModel:
    """Returns the model with the factors A D and B D^-1, which predicts the same.

    A = [[2, 3]] and B = [[4, 5]] under D = diag(10, .1) become [[20, .3]] and [[.4, 50]]: the score stays 23.

    Args:
      model: with factors of any objective.
      scales: `[width]` the diagonal of D, finite and not 0.

    Raises:
      DiagonalFreedomError: if the scales are as many as the factors have columns, or cannot be divided by.
    """
    require_invertible(scales, model.width)
    return dataclasses.replace(
        model, encoder=model.encoder * scales, candidate_embeddings=model.candidate_embeddings / scales
    )


def require_invertible(scales: np.ndarray, width: int) -> None:
    """Checks that scales are the diagonal of an invertible matrix of that width.

    Raises:
      DiagonalFreedomError: if they are not.
    """
    if np.shape(scales) != (width,):
        raise DiagonalFreedomError(f"scales must have shape ({width},), one a column, but have {np.shape(scales)}.")
    if not (np.isfinite(scales).all() and np.all(scales)):
        raise DiagonalFreedomError("scales must be finite and not 0, since one factor is divided by them.")


def orthonormal_candidate_scales(model: LinearModel) -> np.ndarray:
    """Returns D = diag(w)^(1/2), which makes B the singular vectors V themselves.

    At full column rank and full width the cosine of two different candidates is then 0, whatever the data, and the
    cosine of query and candidate ranks as the dot product does.
    """
    return np.sqrt(_kept(model))


def orthonormal_encoder_scales(model: LinearModel) -> np.ndarray:
    """Returns D = diag(w)^(-1/2), which makes A the singular vectors V themselves.

    At full column rank and full width the cosine of two queries is then that of their rows of X, as if there were no
    model.
    """
    return 1.0 / orthonormal_candidate_scales(model)


def balanced_scales(model: LinearModel) -> np.ndarray:
    """Returns D = diag(1 / s)^(1/2), which gives the factors the form of objective (2).

    Candidates are then V diag(w s)^(1/2), beside V diag(s (1 - penalty / s)+)^(1/2) there.
    """
    return 1.0 / np.sqrt(model.singular_values)


def random_scales(width: int, num_draws: int, seed: int) -> np.ndarray:
    """Returns `[num_draws, width]` scales exp(z) with z standard normal: most lie between a third and three.

    Args:
      width: columns of the factors.
      num_draws: how many diagonals D.
      seed: of the draws, >= 0.
    """
    return np.exp(np.random.default_rng(seed).normal(size=[num_draws, width]))


def _kept(model: LinearModel) -> np.ndarray:
    return 1.0 / (1.0 + model.penalty / model.singular_values**2)
