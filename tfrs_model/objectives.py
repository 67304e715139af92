"""What a row of logits costs: list-wise, pair-wise and point-wise objectives with their gradients.

Every objective sees one row as its positive's logit p and the logits n_1 .. n_k of
its negatives, and says what the row costs and how that changes with p and with
each n_j. Gradients are written out, since the loss over a batch is computed in
blocks that are gone when a tape would come back to them.
"""

import abc
import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from tfrs_model import column_masks


@dataclasses.dataclass(frozen=True)
class Rows:
    """Logits of a block of rows.

    Attributes:
      positives: `[num_rows]` float32.
      negatives: `[num_rows, num_columns]` float32; `column_masks.MASKED_LOGIT` where a column is no negative.
      num_negatives: `[num_rows]` float32, columns that are none of the masked.
      log_complement: `[num_rows]` float32, log(1 - Q(positive)); `None` without a correction.
    """

    positives: tf.Tensor
    negatives: tf.Tensor
    num_negatives: tf.Tensor
    log_complement: tf.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class RowGradients:
    """What a block of rows costs, and how that changes with its logits.

    Attributes:
      losses: `[num_rows]` float32.
      of_positives: `[num_rows]` float32, d loss / d positive.
      of_negatives: `[num_rows, num_columns]` float32; times `scale` it is d loss / d negative.
      scale: `[num_rows]` float32.
      positive_probability: `[num_rows]` float32, the share that the row gives its positive.
    """

    losses: tf.Tensor
    of_positives: tf.Tensor
    of_negatives: tf.Tensor
    scale: tf.Tensor
    positive_probability: tf.Tensor


class Objective(abc.ABC):
    """A loss of one row, apart from how its logits came about."""

    corrects_positive = True

    @abc.abstractmethod
    def gradients(self, rows: Rows) -> RowGradients:
        """Returns the losses of the rows and their gradients."""


class Softmax(Objective):
    """Cross entropy of the positive among itself and the negatives: list-wise.

        loss = -log(e^p / (e^p + sum_j e^n_j)) = softplus(log sum_j e^n_j - p)

    With p = 1 and three negatives of -1 it is .341; all four divided by a temperature
    of .2, 1.36e-4. With the sampling correction on every column, the positive's
    included, this is the loss of Yi et al., RecSys 2019, sec. 3.
    """

    def gradients(self, rows: Rows) -> RowGradients:
        """Returns losses and gradients, by what the positive misses, so that a confident row loses no digits."""
        shares, log_sum = _softmax(rows.negatives)
        missing = tf.sigmoid(log_sum - rows.positives)
        return RowGradients(
            losses=tf.math.softplus(log_sum - rows.positives),
            of_positives=-missing,
            of_negatives=shares,
            scale=missing,
            positive_probability=1.0 - missing,
        )


class CorrectedSoftmax(Objective):
    """The softmax whose positive is neither corrected nor among its own negatives.

        loss = -sg(1 - P) * (p - log sum_j e^n_j)
        P = e^p / (e^p + mean_j e^n_j)

    The n_j are f_j - log Q'(j) with Q'(j) = Q(j) / (1 - Q(positive)), a true probability
    per draw; sg stops the gradient, so the value may be negative and compares with no
    cross entropy. Its gradient is that of the full softmax, -(1 - P) (grad p - E grad f_j),
    the expectation by self-normalised importance sampling (Khrylchenko et al., RecSys
    2025, "Correcting the LogQ Correction", arXiv 2507.09331).

    With p = 2, two negatives f = (1, 0) of Q = (.2, .1) and Q(positive) = .5, the n_j are
    1.916 and 1.609, P is .556 and the loss .2076.
    """

    corrects_positive = False

    def gradients(self, rows: Rows) -> RowGradients:
        """Returns losses and gradients."""
        shares, log_sum = _softmax(rows.negatives)
        if rows.log_complement is not None:
            log_sum += rows.log_complement
        log_mean = log_sum - tf.math.log(tf.maximum(rows.num_negatives, 1.0))
        missing = tf.sigmoid(log_mean - rows.positives)
        has_negatives = rows.num_negatives > 0.0
        return RowGradients(
            losses=tf.where(has_negatives, missing * (log_sum - rows.positives), 0.0),
            of_positives=-missing,
            of_negatives=shares,
            scale=missing,
            positive_probability=1.0 - missing,
        )


class BayesianPersonalisedRanking(Objective):
    """Pair-wise: each negative should stay below the positive (Rendle et al., UAI 2009).

        loss = mean_j -log sigmoid(p - n_j)

    With p = 1 and negatives 0 and 2 it is (.313 + 1.313) / 2 = .813.
    """

    def gradients(self, rows: Rows) -> RowGradients:
        """Returns losses and gradients."""
        differences = rows.negatives - rows.positives[:, tf.newaxis]
        wrong = tf.sigmoid(differences)
        scale = 1.0 / tf.maximum(rows.num_negatives, 1.0)
        share = tf.reduce_sum(wrong, axis=1) * scale
        return RowGradients(
            losses=tf.reduce_sum(tf.math.softplus(differences), axis=1) * scale,
            of_positives=-share,
            of_negatives=wrong,
            scale=scale,
            positive_probability=1.0 - share,
        )


class BinaryCrossEntropy(Objective):
    """Point-wise: the positive has label 1, each negative label 0, and both sides weigh the same.

        loss = -log sigmoid(p) + mean_j -log sigmoid(-n_j)

    With p = 2 and negatives 0 and -1 it is .127 + (.693 + .313) / 2 = .630.
    """

    def gradients(self, rows: Rows) -> RowGradients:
        """Returns losses and gradients."""
        scale = 1.0 / tf.maximum(rows.num_negatives, 1.0)
        of_negatives = tf.reduce_sum(tf.math.softplus(rows.negatives), axis=1) * scale
        return RowGradients(
            losses=tf.math.softplus(-rows.positives) + of_negatives,
            of_positives=-tf.sigmoid(-rows.positives),
            of_negatives=tf.sigmoid(rows.negatives),
            scale=scale,
            positive_probability=tf.sigmoid(rows.positives),
        )


class SquaredError(Objective):
    """Point-wise: the positive's score should be 1, each negative's 0, and both sides weigh the same.

        loss = h(p - 1) + mean_j h(n_j),   h(e) = e^2 / variance

    or, with `huber_delta` d, h(e) = e^2 / 2 up to |e| = d and d (|e| - d / 2) beyond.
    With variance 1, p = .5 and negatives 0 and .4 it is .25 + (0 + .16) / 2 = .33.

    Args:
      huber_delta: error from which the loss grows linearly, > 0; infinite for the plain square.
      variance: of the labels, > 0; with .25, that of as many ones as zeros, the loss is the
        mean squared error normalised by what a constant prediction would cost.
    """

    def __init__(self, huber_delta: float = math.inf, variance: float = 1.0):
        if not huber_delta > 0.0 or not 0.0 < variance < math.inf:
            raise ValueError(f"huber_delta and variance must be > 0, but are {huber_delta} and {variance}.")
        if huber_delta != math.inf and variance != 1.0:
            raise ValueError("The Huber loss is not normalised; give either huber_delta or variance.")
        self._delta = huber_delta
        self._variance = variance

    def gradients(self, rows: Rows) -> RowGradients:
        """Returns losses and gradients."""
        scale = 1.0 / tf.maximum(rows.num_negatives, 1.0)
        errors = tf.where(column_masks.is_masked(rows.negatives), 0.0, rows.negatives)
        return RowGradients(
            losses=self._cost(rows.positives - 1.0) + tf.reduce_sum(self._cost(errors), axis=1) * scale,
            of_positives=self._slope(rows.positives - 1.0),
            of_negatives=self._slope(errors),
            scale=scale,
            positive_probability=tf.clip_by_value(rows.positives, 0.0, 1.0),
        )

    def _cost(self, errors: tf.Tensor) -> tf.Tensor:
        if self._delta == math.inf:
            return tf.square(errors) / self._variance
        size = tf.abs(errors)
        return tf.where(size <= self._delta, 0.5 * size * size, self._delta * (size - 0.5 * self._delta))

    def _slope(self, errors: tf.Tensor) -> tf.Tensor:
        if self._delta == math.inf:
            return 2.0 * errors / self._variance
        return tf.clip_by_value(errors, -self._delta, self._delta)


def _softmax(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the softmax of each row and the log of the sum of e^logits."""
    shares = tf.nn.softmax(logits)
    # The highest share is e^highest over that sum.
    return shares, tf.reduce_max(logits, axis=1) - tf.math.log(tf.reduce_max(shares, axis=1))


def row_losses(objective: Objective, positives: tf.Tensor, negatives: tf.Tensor, num_negatives: tf.Tensor) -> tf.Tensor:
    """Returns `[num_rows]` losses of rows that have negatives of their own, to be differentiated by either logit.

    Args:
      objective: the loss of a row.
      positives: `[num_rows]` float32.
      negatives: `[num_rows, num_columns]` float32, `column_masks.MASKED_LOGIT` where a column is no negative.
      num_negatives: `[num_rows]` float32, columns that are none of the masked.
    """

    @tf.custom_gradient
    def losses(positives: tf.Tensor, negatives: tf.Tensor) -> tuple:
        made = objective.gradients(Rows(positives, negatives, num_negatives))

        def gradient(of_losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scale = (of_losses * made.scale)[:, tf.newaxis]
            return of_losses * made.of_positives, scale * made.of_negatives

        return made.losses, gradient

    return losses(positives, negatives)


# Beyond an error of a half, a label of 0 or 1 is on the wrong side.
HUBER_DELTA = 0.5

# By name, as options and configurations give them.
OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "softmax": Softmax,
    "bayesian_personalised_ranking": BayesianPersonalisedRanking,
    "binary_cross_entropy": BinaryCrossEntropy,
    "squared_error": SquaredError,
    "huber": lambda: SquaredError(huber_delta=HUBER_DELTA),
    "normalised_squared_error": lambda: SquaredError(variance=0.25),
}
