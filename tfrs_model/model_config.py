"""What shapes a two-tower model, and how one is built from it."""

import dataclasses
import math
from collections.abc import Mapping

from tfrs_model import (
    features,
    frequency,
    history,
    log_q_correction,
    objectives,
    similarity,
)


class ModelConfigError(ValueError):
    """A model option is out of its range; the message names it."""


# The names that an option may have.
NAMES = {
    "history_encoder": tuple(history.ENCODERS),
    "similarity": similarity.SIMILARITIES,
    "objective": tuple(objectives.OBJECTIVES),
    "negatives": ("in_batch", "per_row", "labels"),
    "log_q_correction": log_q_correction.LOG_Q_CORRECTIONS,
    "frequency_estimator": frequency.ESTIMATORS,
}

_SQUARED = ("squared_error", "huber", "normalised_squared_error")
_COUNTS = (
    "query_cross_layers",
    "candidate_cross_layers",
    "num_row_negatives",
    "num_hard_negatives",
    "num_uniform_negatives",
    "num_corpus_hard_negatives",
    "bank_size",
    "bank_warm_up_steps",
)
_SHARES = ("dropout", "query_id_dropout", "candidate_id_dropout")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The choices of a two-tower model.

    Attributes:
      embedding_dim: width of both towers' outputs and of the id tables; Euclid adds two to the outputs.
      query_hidden_units: widths of the query tower's hidden layers.
      candidate_hidden_units: widths of the candidate tower's hidden layers.
      use_query_id: whether a query's own id is embedded.
      history_length: how many of the last candidate ids the query tower reads; 0 for none.
      history_encoder: what the tower makes of the history, a name in `history.ENCODERS`.
      history_layers: of `gru` and `self_attention`.
      history_heads: of `self_attention`, a divisor of `embedding_dim`, which they share out.
      history_time_gaps: whether `self_attention` reads the time between two interactions; then requests bring
        `history_timestamps`.
      reads_moment: whether the query tower reads how long ago the history was, see `history.MomentGaps`; then
        requests bring `history_timestamps` and `moment`.
      share_candidate_embedding: whether history and candidate tower use one table.
      query_cross_layers: layers of the query tower's cross network, before the hidden ones.
      candidate_cross_layers: layers of the candidate tower's cross network.
      skip_connection: whether the embeddings of ids and history are added to the towers' outputs as they are, beside
        what the layers make of the features; good for ids that come rarely.
      dropout: rate on the inputs of both towers, and within `gru` and `self_attention`, in [0, 1).
      query_id_dropout: probability in [0, 1) with which training takes a query's own id for an unknown one.
      candidate_id_dropout: probability in [0, 1) with which training takes a candidate's id for an unknown one.
      num_oov_buckets: rows for ids outside the vocabulary, by their hash.
      similarity: `cosine`, `dot` or `euclidean`, of both towers' outputs.
      objective: the loss of a row, a name in `objectives.OBJECTIVES`.
      temperature: divisor of the training scores, > 0.
      learn_temperature: whether the temperature is learned, between a tenth and ten times its first value.
      log_q_correction: how the streamed frequencies correct the logits, a name in `log_q_correction.LOG_Q_CORRECTIONS`.
      remove_accidental_hits: whether a row's own positive is masked among its negatives.
      remove_history: whether what the query chose before is masked among its negatives.
      negatives: `in_batch`, the other positives of the batch; `per_row`, candidates drawn uniformly for each row;
        `labels`, none, and each row's weight is its label in [0, 1].
      num_row_negatives: candidates drawn for each row.
      num_hard_negatives: highest corrected negatives that a row keeps; 0 for all.
      num_uniform_negatives: candidates drawn uniformly from the corpus in each step, negatives of all its rows.
      num_corpus_hard_negatives: candidates drawn from the corpus in each step, the more probable the higher they
        score, negatives of all its rows.
      corpus_refresh_steps: steps after which the index of those draws is made anew.
      bank_size: candidates of past batches that are kept as negatives.
      bank_warm_up_steps: steps before the bank is used.
      frequency_estimator: `multiscale`, or `paper` to compare with.
      frequency_num_buckets: buckets of each hash of the frequency estimate; 0 sizes
        them to the corpus.
      frequency_num_hashes: hashes of the frequency estimate.
    """

    embedding_dim: int = 64
    query_hidden_units: tuple[int, ...] = ()
    candidate_hidden_units: tuple[int, ...] = ()
    use_query_id: bool = True
    history_length: int = 20
    history_encoder: str = "mean"
    history_layers: int = 2
    history_heads: int = 2
    history_time_gaps: bool = False
    reads_moment: bool = False
    share_candidate_embedding: bool = True
    query_cross_layers: int = 0
    candidate_cross_layers: int = 0
    skip_connection: bool = False
    dropout: float = 0.3
    query_id_dropout: float = 0.0
    candidate_id_dropout: float = 0.0
    num_oov_buckets: int = 1
    similarity: str = "cosine"
    objective: str = "softmax"
    temperature: float = 0.07
    learn_temperature: bool = False
    log_q_correction: str = "yi2019"
    remove_accidental_hits: bool = False
    remove_history: bool = False
    negatives: str = "in_batch"
    num_row_negatives: int = 0
    num_hard_negatives: int = 0
    num_uniform_negatives: int = 0
    num_corpus_hard_negatives: int = 0
    corpus_refresh_steps: int = 500
    bank_size: int = 0
    bank_warm_up_steps: int = 200
    frequency_estimator: str = "multiscale"
    frequency_num_buckets: int = 0
    frequency_num_hashes: int = 4

    def __post_init__(self) -> None:
        units = (*self.query_hidden_units, *self.candidate_hidden_units)
        for name, value, allowed, rule in (
            ("embedding_dim", self.embedding_dim, self.embedding_dim >= 1, ">= 1"),
            ("query_hidden_units, candidate_hidden_units", units, all(unit >= 1 for unit in units), ">= 1 each"),
            ("history_length", self.history_length, self.history_length >= 0, ">= 0"),
            ("history_layers", self.history_layers, self.history_layers >= 1, ">= 1"),
            ("history_heads", self.history_heads, self.history_heads >= 1, ">= 1"),
            *((name, getattr(self, name), 0.0 <= getattr(self, name) < 1.0, "in [0, 1)") for name in _SHARES),
            ("num_oov_buckets", self.num_oov_buckets, self.num_oov_buckets >= 1, ">= 1"),
            ("temperature", self.temperature, 0.0 < self.temperature < math.inf, "> 0 and finite"),
            ("frequency_num_buckets", self.frequency_num_buckets, self.frequency_num_buckets >= 0, ">= 0"),
            ("frequency_num_hashes", self.frequency_num_hashes, self.frequency_num_hashes >= 1, ">= 1"),
            *((name, getattr(self, name), getattr(self, name) >= 0, ">= 0") for name in _COUNTS),
            ("corpus_refresh_steps", self.corpus_refresh_steps, self.corpus_refresh_steps >= 1, ">= 1"),
            *(
                (name, getattr(self, name), getattr(self, name) in known, f"one of {', '.join(known)}")
                for name, known in NAMES.items()
            ),
        ):
            if not allowed:
                raise ModelConfigError(f"{name} must be {rule}, but is {value}.")
        self._check_combinations()
        self._check_histories()
        self._check_negatives()

    def _check_combinations(self) -> None:
        if self.learn_temperature and self.similarity != "cosine":
            raise ModelConfigError(
                f"learn_temperature needs vectors of fixed length, but similarity is {self.similarity!r}, by which "
                "the towers can stretch scores themselves; use similarity=cosine, or leave the temperature fixed."
            )
        if self.log_q_correction == "corrected2025" and self.objective != "softmax":
            raise ModelConfigError(
                f"log_q_correction=corrected2025 corrects the softmax, but objective is {self.objective!r}; use "
                "yi2019 or none."
            )
        if self.log_q_correction == "corrected2025" and self.frequency_estimator == "paper":
            raise ModelConfigError(
                "log_q_correction=corrected2025 needs the probability of a draw, which frequency_estimator=paper "
                "does not estimate where ids repeat in a batch; use multiscale."
            )
        if self.log_q_correction != "none" and self.objective in _SQUARED:
            raise ModelConfigError(
                f"objective={self.objective} pulls scores to 0 and 1, from which "
                f"log_q_correction={self.log_q_correction} would move them; use log_q_correction=none."
            )
        if self.similarity == "euclidean" and self.objective not in ("softmax", "bayesian_personalised_ranking"):
            raise ModelConfigError(
                f"objective={self.objective} wants positive scores for positives, but similarity=euclidean has none "
                "above 0; use dot or cosine, or compare with softmax or bayesian_personalised_ranking."
            )
        if self.query_id_dropout and not self.use_query_id:
            raise ModelConfigError(
                f"query_id_dropout={self.query_id_dropout} needs query ids to drop, but use_query_id is false; set it "
                "to 0."
            )

    def _check_histories(self) -> None:
        if self.history_encoder != "mean" and not self.history_length:
            raise ModelConfigError(
                f"history_encoder={self.history_encoder} needs histories, but history_length is 0; raise it."
            )
        if self.history_encoder == "self_attention" and self.embedding_dim % self.history_heads:
            raise ModelConfigError(
                f"history_heads must divide embedding_dim={self.embedding_dim}, but is {self.history_heads}; every "
                "head reads an equal part of it."
            )
        if self.reads_moment and not self.history_length:
            raise ModelConfigError(
                "reads_moment is about how long ago a history was, but history_length is 0; raise it, or switch it off."
            )
        if self.history_time_gaps and self.history_encoder != "self_attention":
            raise ModelConfigError(
                f"history_time_gaps is for history_encoder=self_attention, but it is {self.history_encoder}; switch "
                "the one off, or choose the other."
            )
        if self.remove_history and not self.history_length:
            raise ModelConfigError("remove_history needs histories, but history_length is 0; raise it.")

    def _check_negatives(self) -> None:
        if (self.negatives == "per_row") != (self.num_row_negatives > 0):
            raise ModelConfigError(
                f"num_row_negatives is for negatives=per_row, which needs 1 or more, but negatives is "
                f"{self.negatives} and num_row_negatives is {self.num_row_negatives}."
            )
        if self.negatives == "in_batch":
            return
        if self.log_q_correction != "none":
            raise ModelConfigError(
                f"negatives={self.negatives} draws nothing from the stream, so log_q_correction must be none, but is "
                f"{self.log_q_correction}."
            )
        for name in ("num_hard_negatives", "num_uniform_negatives", "num_corpus_hard_negatives", "bank_size"):
            if getattr(self, name):
                raise ModelConfigError(
                    f"{name} is for negatives=in_batch, but negatives is {self.negatives}; set it to 0."
                )
        if self.negatives == "labels" and (self.remove_history or self.remove_accidental_hits):
            raise ModelConfigError(
                "negatives=labels has no negatives to leave out, but remove_history or remove_accidental_hits is on; "
                "switch them off."
            )
        if self.negatives == "labels" and self.objective in ("softmax", "bayesian_personalised_ranking"):
            raise ModelConfigError(
                f"negatives=labels has nothing to compare a candidate with, as objective={self.objective} does; use "
                "binary_cross_entropy, squared_error, huber or normalised_squared_error."
            )

    @property
    def reads_history_timestamps(self) -> bool:
        """Whether the query tower reads when the history's candidates were chosen."""
        return self.history_time_gaps or self.reads_moment

    @classmethod
    def from_dict(cls, raw: Mapping) -> "ModelConfig":
        """Returns the options that `dataclasses.asdict` and JSON wrote; lists become tuples."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()})


@dataclasses.dataclass(frozen=True)
class ModelInputs:
    """What the model must know of the data, all of it from training rows.

    Attributes:
      query_ids: known query ids.
      candidate_ids: known candidate ids.
      query_features: the query tower's features: those of the query, then those of the moment.
      candidate_features: the candidate tower's features.
    """

    query_ids: tuple[str, ...]
    candidate_ids: tuple[str, ...]
    query_features: tuple[features.FeatureInput, ...] = ()
    candidate_features: tuple[features.FeatureInput, ...] = ()
