"""A linear model that is trained step by step on the similarity it is asked by, which no closed form does.

Scores are dot or cosine of X A and B, or the dot product of both after layer norm, and the loss is a softmax over the
whole corpus, each thing that a query chose being a positive of equal weight:

    loss = - mean over queries of sum_i x_i / |x|_1 log softmax(score / temperature)_i

(the multinomial likelihood of Liang et al., WWW 2018, sec. 2.2, with each query counting alike). With two candidates
that score the same and one chosen it is log 2 = .693.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfrs_model import seeds, similarity

SCORES = ("dot", "cosine", "layer_norm")

_LAYER_NORM_EPSILON = 1e-6


@dataclasses.dataclass(frozen=True)
class TrainedLinearModel:
    """Factors as after the last step.

    Attributes:
      encoder: `[num_candidates, width]` float32, A.
      candidate_embeddings: `[num_candidates, width]` float32, B, not normalised whatever the score.
    """

    encoder: np.ndarray
    candidate_embeddings: np.ndarray

    def embed(self, chosen: np.ndarray) -> np.ndarray:
        """Returns `[num_queries, width]` embeddings X A, not normalised either."""
        return chosen @ self.encoder


@dataclasses.dataclass(frozen=True)
class LinearTrainingConfig:
    """How the factors are trained.

    Attributes:
      width: columns of the factors, >= 1.
      score: one of `SCORES`.
      temperature: divisor of the scores, > 0.
      num_epochs: passes over the queries, >= 1.
      batch_size: queries per step, >= 1.
      learning_rate: of Adam, > 0.
      seed: of the initial factors and the order of the queries, >= 0.
    """

    width: int
    score: str
    temperature: float
    num_epochs: int = 20
    batch_size: int = 512
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name, is_allowed, rule in (
            ("width", self.width >= 1, ">= 1"),
            ("score", self.score in SCORES, f"one of {', '.join(SCORES)}"),
            ("temperature", self.temperature > 0.0, "> 0"),
            ("num_epochs", self.num_epochs >= 1, ">= 1"),
            ("batch_size", self.batch_size >= 1, ">= 1"),
            ("learning_rate", self.learning_rate > 0.0, "> 0"),
            ("seed", self.seed >= 0, ">= 0"),
        ):
            if not is_allowed:
                raise ValueError(f"{name} must be {rule}, but is {getattr(self, name)!r}.")


def train(chosen: np.ndarray, config: LinearTrainingConfig) -> TrainedLinearModel:
    """Returns the factors after training; the same interactions and configuration give the same ones.

    Args:
      chosen: `[num_queries, num_candidates]` float32 >= 0, X; queries that chose nothing are no examples.
      config: how they are trained.

    Raises:
      ValueError: if no query chose anything.
    """
    rows = np.flatnonzero(chosen.sum(axis=1) > 0.0)
    if not rows.size:
        raise ValueError("Some query must have chosen something, but none has; there is nothing to train on.")
    encoder, candidates = (_initial(chosen.shape[1], config, name) for name in ("encoder", "candidates"))
    optimizer = tf.keras.optimizers.Adam(config.learning_rate)
    optimizer.build([encoder, candidates])

    @tf.function(reduce_retracing=True)
    def step(batch: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = _scores(batch @ encoder, candidates, config.score) / config.temperature
            targets = batch / tf.reduce_sum(batch, axis=1, keepdims=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, [encoder, candidates]), [encoder, candidates], strict=True))

    for epoch in range(config.num_epochs):
        order = np.random.default_rng([config.seed, epoch]).permutation(rows)
        for begin in range(0, len(order), config.batch_size):
            step(tf.constant(chosen[order[begin : begin + config.batch_size]], tf.float32))
    return TrainedLinearModel(encoder.numpy(), candidates.numpy())


def _initial(num_candidates: int, config: LinearTrainingConfig, name: str) -> tf.Variable:
    draw = tf.keras.initializers.RandomNormal(stddev=0.1, seed=seeds.derive_seed(config.seed, name))
    return tf.Variable(draw([num_candidates, config.width]), name=name)


def _scores(queries: tf.Tensor, candidates: tf.Tensor, score: str) -> tf.Tensor:
    if score == "layer_norm":
        queries, candidates = _layer_norm(queries), _layer_norm(candidates)
    name = "cosine" if score == "cosine" else "dot"
    return tf.matmul(
        similarity.augment_queries(queries, name), similarity.augment_candidates(candidates, name), transpose_b=True
    )


def _layer_norm(embeddings: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(embeddings, axes=[1], keepdims=True)
    return (embeddings - mean) * tf.math.rsqrt(variance + _LAYER_NORM_EPSILON)
