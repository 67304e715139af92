"""Trains on a log of ids alone what folds, and what is known to cure it, in doses."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrs_model import model_config, negatives, seeds, two_tower, two_tower_builder
from tfrs_model import schema as schema_lib
from tfrs_model.baselines import interactions as interactions_lib
from tfrs_model.baselines import softmax_dnn, weighted_als


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """What was fitted.

    Attributes:
      queries: `[num_queries, embedding_dim]` float32.
      candidates: `[num_candidates, embedding_dim]` float32.
    """

    queries: np.ndarray
    candidates: np.ndarray


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """What all models have in common.

    Attributes:
      embedding_dim: of both sides.
      regularization: of the factorisation.
      num_sweeps: of the factorisation.
      num_epochs: of the models that are trained by gradients.
      batch_size: of these.
      learning_rate: of these, by Adam.
    """

    embedding_dim: int = 8
    regularization: float = 1e-4
    num_sweeps: int = 15
    num_epochs: int = 40
    batch_size: int = 512
    learning_rate: float = 0.02


Fit = Callable[[interactions_lib.Interactions, FitOptions, float, int], Embeddings]


def _two_tower(objective: str) -> Fit:
    """Returns what trains by point-wise losses on positives and `dose` negatives of each, 0 being positives alone."""

    def fit(log: interactions_lib.Interactions, options: FitOptions, dose: float, seed: int) -> Embeddings:
        config = model_config.ModelConfig(
            **_of_ids(options),
            objective=objective,
            log_q_correction="none",
            # Every weight of the log is 1, and so is every label.
            negatives="per_row" if dose else "labels",
            num_row_negatives=int(dose),
        )
        query_ids, candidate_ids = _ids(log)
        corpus = negatives.Corpus(
            candidate_ids, lambda rows: {schema_lib.CANDIDATE_ID: tf.gather(tf.constant(candidate_ids), rows)}
        )
        inputs = model_config.ModelInputs(tuple(query_ids), tuple(candidate_ids))
        return _train(two_tower_builder.build_two_tower(config, inputs, seed, corpus), log, options, seed)

    return fit


def _softmax_dnn(log: interactions_lib.Interactions, options: FitOptions, dose: float, seed: int) -> Embeddings:
    """Trains by the softmax over all candidates, to which a dose is nothing."""
    query_ids, candidate_ids = _ids(log)
    inputs = model_config.ModelInputs(tuple(query_ids), tuple(candidate_ids))
    config = model_config.ModelConfig(**_of_ids(options))
    model = softmax_dnn.build_softmax_dnn(config, inputs, seed, np.array(candidate_ids, object), log.counts)
    return _train(model, log, options, seed)


def _factorisation(dose_of: str) -> Fit:
    """Returns what factorises with `dose` as one of its parameters, the other cure being 0."""

    def fit(log: interactions_lib.Interactions, options: FitOptions, dose: float, seed: int) -> Embeddings:
        als = weighted_als.WeightedAls(
            embedding_dim=options.embedding_dim,
            regularization=options.regularization,
            num_sweeps=options.num_sweeps,
            seed=seed,
            **{"unobserved_weight": 0.0, "gravity": 0.0, dose_of: dose},
        )
        fitted = als.fit(log)
        return Embeddings(fitted.query_embeddings, fitted.candidate_embeddings)

    return fit


# By name, what trains with a dose of a cure.
FITS: dict[str, Fit] = {
    "negatives_cross_entropy": _two_tower("binary_cross_entropy"),
    "negatives_squared_error": _two_tower("squared_error"),
    "gravity": _factorisation("gravity"),
    "unobserved_weight": _factorisation("unobserved_weight"),
    "full_softmax": _softmax_dnn,
}


def _of_ids(options: FitOptions) -> dict:
    """Returns the options of towers that are tables of ids and nothing else."""
    return {
        "embedding_dim": options.embedding_dim,
        "history_length": 0,
        "dropout": 0.0,
        "similarity": "dot",
        "temperature": 1.0,
    }


def _ids(log: interactions_lib.Interactions) -> tuple[list[str], list[str]]:
    return [f"query-{i}" for i in range(log.num_queries)], [f"candidate-{i}" for i in range(log.num_candidates)]


def _train(
    model: two_tower.TwoTowerModel, log: interactions_lib.Interactions, options: FitOptions, seed: int
) -> Embeddings:
    query_ids, candidate_ids = (tf.constant(each) for each in _ids(log))
    size = min(options.batch_size, len(log))

    def batch(query_rows: tf.Tensor, candidate_rows: tf.Tensor) -> dict:
        return {
            "query": {schema_lib.QUERY_ID: tf.gather(query_ids, query_rows)},
            "candidate": {schema_lib.CANDIDATE_ID: tf.gather(candidate_ids, candidate_rows)},
            "weight": tf.ones([size]),
        }

    rows = tf.data.Dataset.from_tensor_slices((log.query_rows, log.candidate_rows))
    shuffled = rows.shuffle(len(log), seed=seeds.derive_seed(seed, "folding/shuffle"))
    batches = shuffled.batch(size, drop_remainder=True).map(batch)
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(options.learning_rate))
    model.fit(batches, epochs=options.num_epochs, verbose=0)
    return Embeddings(
        model.query_tower({schema_lib.QUERY_ID: query_ids}).numpy(),
        model.candidate_tower({schema_lib.CANDIDATE_ID: candidate_ids}).numpy(),
    )
