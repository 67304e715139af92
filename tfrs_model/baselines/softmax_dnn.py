"""The softmax DNN: our query tower in front of a free output matrix."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrs_model import model_config, towers, two_tower, two_tower_builder
from tfrs_model.baselines import corpus_softmax, output_matrix

# Up to here the softmax is over all candidates.
MAX_FULL_SOFTMAX = 50_000
# Draws of a step above it.
NUM_SAMPLED = 8192

# What shapes the query tower and the logits; another option has no meaning here.
_OPTIONS = (
    "embedding_dim",
    "query_hidden_units",
    "query_cross_layers",
    "use_query_id",
    "history_length",
    "history_encoder",
    "history_layers",
    "history_heads",
    "history_time_gaps",
    "reads_moment",
    "skip_connection",
    "dropout",
    "query_id_dropout",
    "num_oov_buckets",
    "similarity",
    "temperature",
)


class SoftmaxDnn(two_tower.TwoTowerModel):
    """Trains a query tower and a matrix V by the softmax over all candidates (Covington et al., RecSys 2016, sec. 3).

    p(candidate j | x) is the softmax over j of <psi(x), v_j>, with psi the query tower. It reads of a query whatever a
    two-tower model reads; of a candidate it knows its row and nothing else, so one that is new cannot be recommended.

    Args:
      query_tower: psi.
      matrix: V.
      task: the loss.
    """

    def __init__(
        self, query_tower: towers.QueryTower, matrix: output_matrix.OutputMatrix, task: corpus_softmax.CorpusSoftmax
    ):
        super().__init__(query_tower, matrix, task)

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the loss of one batch; under several replicas this one's share, and the shares add up to the loss."""
        queries = self.query_tower(inputs["query"], training=training)
        rows = self.candidate_tower.rows_of(inputs["candidate"])
        return self.task(queries, self.candidate_tower.matrix, rows, inputs["weight"], training=training)


def require_valid(config: model_config.ModelConfig) -> None:
    """Checks options that two towers take and this model may not.

    Raises:
      ModelConfigError: if an option is given that has no meaning here, or the similarity is not the inner product.
    """
    default = model_config.ModelConfig()
    for field in dataclasses.fields(config):
        if field.name not in _OPTIONS and getattr(config, field.name) != getattr(default, field.name):
            raise model_config.ModelConfigError(
                f"The softmax DNN has a query tower and a softmax over all candidates, to which {field.name} is "
                f"nothing; leave it at {getattr(default, field.name)!r}. Its options are {', '.join(_OPTIONS)}."
            )
    if config.similarity != "dot":
        raise model_config.ModelConfigError(
            f"A free output matrix needs similarity=dot, but similarity is {config.similarity!r}."
        )


def build_softmax_dnn(
    config: model_config.ModelConfig,
    inputs: model_config.ModelInputs,
    seed: int,
    candidate_ids: np.ndarray,
    counts: np.ndarray,
) -> SoftmaxDnn:
    """Builds the model with the query tower that the options describe; nothing is trained yet.

    Args:
      config: the options, of which those of candidate towers, negatives and corrections must be left as they are.
      inputs: what is known of the data.
      seed: of every draw.
      candidate_ids: `[num_candidates]` strings, the corpus; of more than `MAX_FULL_SOFTMAX` the softmax is sampled.
      counts: `[num_candidates]` training interactions.

    Raises:
      ModelConfigError: if an option is given that has no meaning here, or the similarity is not the inner product.
    """
    require_valid(config)
    query_tower, _ = two_tower_builder.build_towers(config, inputs, seed)
    num_sampled = NUM_SAMPLED if len(candidate_ids) > MAX_FULL_SOFTMAX else None
    return SoftmaxDnn(
        query_tower,
        output_matrix.OutputMatrix(candidate_ids, config.embedding_dim, seed),
        corpus_softmax.CorpusSoftmax(counts, config.temperature, num_sampled, seed),
    )
