import numpy as np

from tfrs_model.baselines import interaction_spectrum, linear_models
from tfrs_model.diagnostics import back_projection, diagonal_freedom


def test_the_cosines_are_those_of_the_columns_of_the_prediction():
    chosen = (np.random.default_rng(0).random([30, 8]) < 0.4).astype(np.float64)
    chosen[:, 5] = 0.0
    model = linear_models.fit_product_penalty(interaction_spectrum.InteractionSpectrum.of(chosen), 2.0, 4)
    found = back_projection.candidate_cosines(model, chosen.T @ chosen)
    predicted = chosen @ model.encoder @ model.candidate_embeddings.T
    for i in range(8):
        for j in range(8):
            lengths = np.linalg.norm(predicted[:, i]) * np.linalg.norm(predicted[:, j])
            expected = predicted[:, i] @ predicted[:, j] / lengths if lengths else 0.0
            np.testing.assert_allclose(found[i, j], expected, atol=1e-10)


def test_no_rescaling_changes_them():
    chosen = (np.random.default_rng(1).random([30, 8]) < 0.4).astype(np.float64)
    model = linear_models.fit_product_penalty(interaction_spectrum.InteractionSpectrum.of(chosen), 2.0, 4)
    scaled = diagonal_freedom.rescale(model, np.array([10.0, 0.1, 3.0, -1.0]))
    gram = chosen.T @ chosen
    np.testing.assert_allclose(
        back_projection.candidate_cosines(scaled, gram), back_projection.candidate_cosines(model, gram), atol=1e-10
    )
