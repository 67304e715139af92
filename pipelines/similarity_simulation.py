"""The five heat maps of Steck, Ekanadham and Kallus (WWW 2024, fig. 1), and what each remedy does to their contrast.

On clustered interactions the true similarities are known: the clusters on the left of the figure, then objective (1)
under three scales D that predict the same, then objective (2). Which three the figure shows is not taken over: here
they are those that the paper derives, in `tfrs_model.diagnostics.diagonal_freedom`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfrs_model.baselines import linear_models, trained_linear_model
from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum, gram_matrix
from tfrs_model.diagnostics import (
    back_projection,
    block_contrast,
    clustered_interactions,
    column_transform,
    cosines,
    diagonal_freedom,
    layer_norm,
)

_NUM_NEIGHBOURS = 10
_NUM_SCALES = 8
# Where the cosines of the trained models spread over the whole range; of dot and layer norm the width is the scale.
_TEMPERATURES = {"dot": 1.0, "cosine": 0.1, "layer_norm": 5.0}
NUM_STEPS = 2 + len(column_transform.REMEDIES) + len(trained_linear_model.SCORES)

OnStep = Callable[[], object]


@dataclasses.dataclass(frozen=True)
class LinearSettings:
    """How the closed forms are fitted; the defaults are those of the paper's simulation.

    Attributes:
      width: columns of the factors.
      product_penalty: of objective (1).
      factor_penalty: of objective (2).
    """

    width: int = 50
    product_penalty: float = 10_000.0
    factor_penalty: float = 100.0


@dataclasses.dataclass(frozen=True)
class HeatMap:
    """One panel of the figure.

    Attributes:
      name: of its file.
      title: what is shown.
      similarities: `[num_candidates, num_candidates]`, candidates by cluster and in it by popularity.
    """

    name: str
    title: str
    similarities: np.ndarray


def analyze(
    law: clustered_interactions.ClusteredInteractionsConfig, settings: LinearSettings, on_step: OnStep
) -> tuple[dict, list[HeatMap]]:
    """Simulates, fits and compares.

    Args:
      law: of the interactions.
      settings: of the closed forms.
      on_step: called `NUM_STEPS` times.

    Returns:
      An object for JSON, and the five maps.
    """
    simulated = clustered_interactions.simulate(law)
    spectrum = InteractionSpectrum.of(simulated.chosen)
    product = linear_models.fit_product_penalty(spectrum, settings.product_penalty, settings.width)
    factor = linear_models.fit_factor_penalty(spectrum, settings.factor_penalty, settings.width)
    on_step()
    maps = _maps(simulated.clusters, product, factor)
    shown = [{"name": each.name, "title": each.title, **_figures(each.similarities, simulated)} for each in maps]
    on_step()
    result = {
        "law": dataclasses.asdict(law),
        "settings": dataclasses.asdict(settings),
        "num_interactions": int(simulated.chosen.sum()),
        "largest_score_difference_under_scales": _score_difference(product, simulated.chosen),
        "remarks": [each.remark for each in (product, factor) if each.remark],
        "maps": shown,
        "remedies": [
            *_closed_forms(simulated, product, factor),
            *_transformed(simulated, spectrum, settings, on_step),
            *_trained(simulated, settings.width, law.seed, on_step),
        ],
    }
    return result, maps


def _maps(clusters: np.ndarray, product: linear_models.LinearModel, factor: linear_models.LinearModel) -> list[HeatMap]:
    truth = HeatMap("1_clusters", "True clusters", clustered_interactions.true_similarities(clusters))
    fitted = [
        (f"{number}_{name}", f"Objective 1, {shown}", diagonal_freedom.rescale(product, scales(product)))
        for number, name, shown, scales in (
            (
                2,
                "orthonormal_candidates",
                "candidates orthonormal: D² = 1 / (1 + l/s²)",
                diagonal_freedom.orthonormal_candidate_scales,
            ),
            (
                3,
                "orthonormal_encoder",
                "encoder orthonormal: D² = 1 + l/s²",
                diagonal_freedom.orthonormal_encoder_scales,
            ),
            (4, "balanced", "balanced: D² = 1/s", diagonal_freedom.balanced_scales),
        )
    ]
    fitted.append(("5_factor_penalty", "Objective 2", factor))
    return [truth, *(HeatMap(name, title, _cosines(each.candidate_embeddings)) for name, title, each in fitted)]


def _closed_forms(
    simulated: clustered_interactions.ClusteredInteractions,
    product: linear_models.LinearModel,
    factor: linear_models.LinearModel,
) -> list[dict]:
    gram = gram_matrix(simulated.chosen)
    projected = _figures(back_projection.candidate_cosines(product, gram), simulated)
    projections = [
        back_projection.candidate_cosines(diagonal_freedom.rescale(product, scales), gram)
        for scales in _scales(product)
    ]
    return [
        _free("objective 1", product.candidate_embeddings, simulated),
        {"remedy": "objective 2", **_figures(_cosines(factor.candidate_embeddings), simulated)},
        _free("objective 1, layer norm afterwards", product.candidate_embeddings, simulated, layer_norm.layer_norm),
        {"remedy": "objective 1, back-projected", **projected, **_contrast_range(projections, simulated)},
    ]


def _transformed(
    simulated: clustered_interactions.ClusteredInteractions,
    raw: InteractionSpectrum,
    settings: LinearSettings,
    on_step: OnStep,
) -> list[dict]:
    """Measures objective (1) on transformed interactions, its penalty in proportion to their squares."""
    rows = []
    for name, make in column_transform.REMEDIES.items():
        spectrum = InteractionSpectrum.of(make(simulated.chosen).apply(simulated.chosen))
        penalty = settings.product_penalty * spectrum.energy / raw.energy
        model = linear_models.fit_product_penalty(spectrum, penalty, settings.width)
        rows.append(_free(f"objective 1, {name}", model.candidate_embeddings, simulated))
        on_step()
    return rows


def _trained(
    simulated: clustered_interactions.ClusteredInteractions, width: int, seed: int, on_step: OnStep
) -> list[dict]:
    rows = []
    for score in trained_linear_model.SCORES:
        config = trained_linear_model.LinearTrainingConfig(width, score, _TEMPERATURES[score], seed=seed)
        embeddings = trained_linear_model.train(simulated.chosen, config).candidate_embeddings
        name = f"softmax trained on {score.replace('_', ' ')}"
        if score == "dot":
            rows.append(_free(name, embeddings, simulated))
        else:
            normed = layer_norm.layer_norm(embeddings) if score == "layer_norm" else embeddings
            # Scales would change the scores, so they are no freedom.
            rows.append({"remedy": name, **_figures(_cosines(normed), simulated)})
        on_step()
    return rows


def _free(
    name: str,
    embeddings: np.ndarray,
    simulated: clustered_interactions.ClusteredInteractions,
    finish: Callable[[np.ndarray], np.ndarray] = lambda each: each,
) -> dict:
    """Returns figures of embeddings whose columns may be scaled, and how far scales move them."""
    scaled = [
        _cosines(finish(embeddings / scales))
        for scales in diagonal_freedom.random_scales(embeddings.shape[1], _NUM_SCALES, seed=0)
    ]
    return {"remedy": name, **_figures(_cosines(finish(embeddings)), simulated), **_contrast_range(scaled, simulated)}


def _contrast_range(
    similarities: list[np.ndarray], simulated: clustered_interactions.ClusteredInteractions
) -> dict[str, list[float]]:
    contrasts = [block_contrast.block_contrast(each, simulated.clusters) for each in similarities]
    return {"block_contrast_under_random_scales": [min(contrasts), max(contrasts)]}


def _scales(model: linear_models.LinearModel) -> np.ndarray:
    return diagonal_freedom.random_scales(model.width, _NUM_SCALES, seed=0)


def _score_difference(model: linear_models.LinearModel, chosen: np.ndarray) -> float:
    """Returns how far the scores of some queries move under the scales of the maps and random ones: rounding alone."""
    some = chosen[:100].astype(np.float64)
    of_maps = (
        diagonal_freedom.orthonormal_candidate_scales(model),
        diagonal_freedom.orthonormal_encoder_scales(model),
        diagonal_freedom.balanced_scales(model),
    )
    scaled = (diagonal_freedom.rescale(model, scales) for scales in (*of_maps, *_scales(model)))
    return max(float(np.max(np.abs(each.scores(some) - model.scores(some)))) for each in scaled)


def _cosines(embeddings: np.ndarray) -> np.ndarray:
    return cosines.cosines(embeddings, embeddings)


def _figures(similarities: np.ndarray, simulated: clustered_interactions.ClusteredInteractions) -> dict[str, float]:
    return {
        "block_contrast": block_contrast.block_contrast(similarities, simulated.clusters),
        f"neighbour_purity_at_{_NUM_NEIGHBOURS}": block_contrast.neighbour_purity(
            similarities, simulated.clusters, _NUM_NEIGHBOURS
        ),
    }
