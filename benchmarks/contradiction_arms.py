"""The five objectives that are trained on the logs with and without contradictions."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from benchmarks import contradiction_log
from tfrs_model import features, point_losses, similarity, towers

_HUBER_DELTA = 0.5


@dataclasses.dataclass(frozen=True)
class Arm:
    """A similarity, what makes a prediction of it, and a loss.

    Attributes:
      similarity: of query and candidate.
      loss: `[num_pairs]` of scores and labels, the product's own.
      loss_of_prediction: the mean of the same loss in NumPy, of predictions in [0, 1].
      has_sigmoid: whether the prediction is the sigmoid of the score rather than the score.
    """

    similarity: str
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    loss_of_prediction: Callable[[np.ndarray, np.ndarray], float]
    has_sigmoid: bool = False


def _squared(predictions: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean((predictions - labels) ** 2))


def _huber(predictions: np.ndarray, labels: np.ndarray) -> float:
    error = np.abs(predictions - labels)
    line = _HUBER_DELTA * (error - 0.5 * _HUBER_DELTA)
    return float(np.mean(np.where(error <= _HUBER_DELTA, 0.5 * error**2, line)))


def _normalised(predictions: np.ndarray, labels: np.ndarray) -> float:
    return _squared(predictions, labels) / float(np.var(labels))


def _cross_entropy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Takes 0 log 0 as 0: a CTR of 0 or 1 is right in every row it stands for."""
    of_label = np.where(labels > 0.0, predictions, 1.0 - predictions)
    return float(-np.mean(np.log(of_label)))


ARMS: Mapping[str, Arm] = {
    "cosine_squared": Arm("cosine", point_losses.squared_error, _squared),
    "cosine_huber": Arm("cosine", lambda scores, labels: point_losses.huber(scores, labels, _HUBER_DELTA), _huber),
    "cosine_normalised": Arm("cosine", point_losses.normalised_squared_error, _normalised),
    "dot_cross_entropy": Arm("dot", point_losses.binary_cross_entropy, _cross_entropy, True),
    "dot_sigmoid_squared": Arm(
        "dot", lambda scores, labels: point_losses.squared_error(tf.sigmoid(scores), labels), _squared, True
    ),
}


@dataclasses.dataclass(frozen=True)
class TrainingSizes:
    """How an arm is trained: on the whole log at once, with Adam, the rate falling to 0 along a cosine.

    Attributes:
      embedding_dim: width of word embeddings and of both towers' outputs.
      num_steps: gradient steps.
      learning_rate: of the first step.
    """

    embedding_dim: int = 128
    num_steps: int = 480
    learning_rate: float = 0.01


@dataclasses.dataclass(frozen=True)
class TrainedArm:
    """What training came to.

    Attributes:
      loss: mean over the log after the last step.
      query_embeddings: `[num_query_texts, embedding_dim]`, as long as the tower made them.
      candidate_embeddings: `[num_candidates, embedding_dim]`, likewise.
      predictions: `[num_pairs]`, what is compared with the label.
    """

    loss: float
    query_embeddings: np.ndarray
    candidate_embeddings: np.ndarray
    predictions: np.ndarray


class _Pairs(tf.Module):
    """Two towers over the texts of a log, and the loss of all its pairs."""

    def __init__(self, log: contradiction_log.PairLog, arm: Arm, embedding_dim: int, seed: int):
        super().__init__()
        text = [features.FeatureInput("text", "multivalent", embedding_dim, log.vocabulary)]
        options = {"embedding_dim": embedding_dim, "similarity": "dot", "seed": seed}
        self.query_tower = towers.QueryTower(None, None, text, **options)
        self.candidate_tower = towers.CandidateTower(None, text, **options)
        self.arm = arm
        self.queries = {"text": tf.constant(log.query_texts)}
        self.candidates = {"text": tf.constant(log.candidate_texts)}
        self.pairs = tf.constant(log.pairs, tf.int32)
        self.labels = tf.constant(log.labels)

    def embed(self) -> tuple[tf.Tensor, tf.Tensor]:
        return self.query_tower(self.queries), self.candidate_tower(self.candidates)

    def score(self, queries: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        # One product of the distinct texts, rather than two gathered rows for each pair.
        left = similarity.augment_queries(queries, self.arm.similarity)
        right = similarity.augment_candidates(candidates, self.arm.similarity)
        return tf.gather_nd(tf.matmul(left, right, transpose_b=True), self.pairs)

    def loss(self) -> tf.Tensor:
        return tf.reduce_mean(self.arm.loss(self.score(*self.embed()), self.labels))


def train(log: contradiction_log.PairLog, arm: Arm, sizes: TrainingSizes, seed: int) -> TrainedArm:
    """Trains fresh towers on a log; two calls give the same bits.

    Args:
      log: all of it is one batch.
      arm: what is minimised.
      sizes: how.
      seed: of the initial weights; nothing else is drawn.
    """
    pairs = _Pairs(log, arm, sizes.embedding_dim, seed)
    pairs.embed()
    variables = pairs.trainable_variables
    schedule = tf.keras.optimizers.schedules.CosineDecay(sizes.learning_rate, sizes.num_steps)
    optimizer = tf.keras.optimizers.Adam(schedule)
    optimizer.build(variables)

    def fit() -> None:
        for _ in tf.range(sizes.num_steps):
            with tf.GradientTape() as tape:
                loss = pairs.loss()
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    # Traced here: calling the function would, from the fifth arm on, warn of functions made in a loop.
    tf.function(fit).get_concrete_function()()
    queries, candidates = pairs.embed()
    scores = pairs.score(queries, candidates)
    predictions = tf.sigmoid(scores) if arm.has_sigmoid else scores
    return TrainedArm(float(pairs.loss()), queries.numpy(), candidates.numpy(), predictions.numpy())


def explained_by_rates(predictions: np.ndarray, log: contradiction_log.PairLog) -> float:
    """Returns the share of the predictions' variance that a line through both CTRs explains, in [0, 1]."""
    rates = [contradiction_log.click_through_rate(log, side) for side in ("query", "candidate")]
    design = np.stack([np.ones(len(predictions)), *rates], axis=1)
    left = predictions - design @ np.linalg.lstsq(design, predictions, rcond=None)[0]
    return float(1.0 - np.var(left) / np.var(predictions))
