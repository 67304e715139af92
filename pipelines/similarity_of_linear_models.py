"""What the remedies cost or bring in recall: linear models of the training interactions, asked for held-out ones."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from pipelines import offline_evaluation, prepared_data
from pipelines.comparison import questions as questions_lib
from tfrs_model.baselines import linear_models, trained_linear_model
from tfrs_model.baselines.interaction_spectrum import InteractionSpectrum
from tfrs_model.diagnostics import column_transform, cosines, layer_norm

_WIDTH = 64
# Of the energy |X|^2; of the largest singular value.
_PRODUCT_PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)
_FACTOR_PENALTIES = (0.01, 0.02, 0.05, 0.1, 0.2)
_TEMPERATURES = {"dot": (1.0,), "cosine": (0.1, 0.2, 0.4), "layer_norm": (4.0, 8.0, 16.0)}
_NUM_EPOCHS = (25, 50, 150)
_TRAINING = {"batch_size": 256, "learning_rate": 0.01}

NUM_STEPS = 2 + len(column_transform.REMEDIES) + len(trained_linear_model.SCORES)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """Who asks what: questions of a split, and what each of their queries chose in training."""

    questions: offline_evaluation.HeldOut
    chosen: np.ndarray

    def recall(self, queries: np.ndarray, corpus: np.ndarray) -> float:
        ranked = self.questions.rank(queries.astype(np.float32), corpus.astype(np.float32))
        return self.questions.accuracy(ranked)["recall_at_10"]

    def recalls(self, queries: np.ndarray, corpus: np.ndarray) -> dict[str, float]:
        return {
            "recall_at_10_by_dot": self.recall(queries, corpus),
            "recall_at_10_by_cosine": self.recall(cosines.unit_rows(queries), cosines.unit_rows(corpus)),
        }


def analyze(
    data: prepared_data.PreparedData, questions: offline_evaluation.HeldOut, on_step: Callable[[], object]
) -> list[dict]:
    """Fits each remedy with the setting that is best for these questions, which are to be validation's.

    Args:
      data: what was prepared; the models are fitted to its training split.
      questions: what is asked.
      on_step: called `NUM_STEPS` times.

    Returns:
      An object for JSON for each remedy: the setting, and recall@10 of dot, of cosine, and of the scores brought back
      to the units of X where the interactions were transformed.
    """
    chosen = questions_lib.training_interactions(data).matrix().toarray()
    asked = _Asked(questions, chosen[questions.examples.query_rows])
    width = min(_WIDTH, *chosen.shape)
    return [*_closed_forms(chosen, width, asked, on_step), *_trained(chosen, width, asked, on_step)]


def _closed_forms(chosen: np.ndarray, width: int, asked: _Asked, on_step: Callable[[], object]) -> Iterator[dict]:
    for name, make in {"": column_transform.leave, **column_transform.REMEDIES}.items():
        transform = make(chosen)
        spectrum = InteractionSpectrum.of(transform.apply(chosen))
        fits = {
            share: linear_models.fit_product_penalty(spectrum, share * spectrum.energy, width)
            for share in _PRODUCT_PENALTIES
        }
        yield {"remedy": f"objective 1, {name}".removesuffix(", "), **_best_fit(fits, transform, asked)}
        on_step()
        if not name:
            largest = spectrum.singular_values[0]
            fits = {
                share: linear_models.fit_factor_penalty(spectrum, share * largest, width) for share in _FACTOR_PENALTIES
            }
            yield {"remedy": "objective 2", **_best_fit(fits, transform, asked)}
            on_step()


def _best_fit(
    fits: dict[float, linear_models.LinearModel], transform: column_transform.ColumnTransform, asked: _Asked
) -> dict:
    chosen = transform.apply(asked.chosen)
    recall = {share: asked.recall(each.embed(chosen), each.candidate_embeddings) for share, each in fits.items()}
    share = max(recall, key=recall.get)
    queries, corpus = fits[share].embed(chosen), fits[share].candidate_embeddings
    # A last column of ones on the one side takes the shift of the other.
    with_ones = np.concatenate([queries, np.ones([len(queries), 1])], axis=1)
    in_units_of_x = np.concatenate([corpus * transform.divisor[:, np.newaxis], transform.shift[:, np.newaxis]], axis=1)
    return {
        "setting": {"relative_penalty": share, "width": fits[share].width, "remark": fits[share].remark},
        **asked.recalls(queries, corpus),
        "recall_at_10_in_units_of_x": asked.recall(with_ones, in_units_of_x),
    }


def _trained(chosen: np.ndarray, width: int, asked: _Asked, on_step: Callable[[], object]) -> Iterator[dict]:
    for score in trained_linear_model.SCORES:
        found = [
            _trained_once(chosen, width, asked, score, temperature, num_epochs)
            for temperature in _TEMPERATURES[score]
            for num_epochs in _NUM_EPOCHS
        ]
        own = "recall_at_10_by_cosine" if score == "cosine" else "recall_at_10_by_dot"
        yield {"remedy": f"softmax trained on {score.replace('_', ' ')}", **max(found, key=lambda each: each[own])}
        on_step()


def _trained_once(
    chosen: np.ndarray, width: int, asked: _Asked, score: str, temperature: float, num_epochs: int
) -> dict:
    config = trained_linear_model.LinearTrainingConfig(width, score, temperature, num_epochs, **_TRAINING)
    model = trained_linear_model.train(chosen, config)
    queries, corpus = model.embed(asked.chosen), model.candidate_embeddings
    if score == "layer_norm":
        queries, corpus = layer_norm.layer_norm(queries), layer_norm.layer_norm(corpus)
    return {"setting": {"temperature": temperature, "num_epochs": num_epochs}, **asked.recalls(queries, corpus)}
