"""What shapes a two-tower model, and how one is built from it."""

import dataclasses
import math
from collections.abc import Mapping

from tfrs_model import (
    features,
    frequency,
    log_q_correction,
    negatives,
    objectives,
    similarity,
    string_embedding,
    task,
    temperature,
    towers,
    training_health,
    two_tower,
)


class ModelConfigError(ValueError):
    """A model option is out of its range; the message names it."""


# The names that an option may have.
NAMES = {
    "similarity": similarity.SIMILARITIES,
    "objective": tuple(objectives.OBJECTIVES),
    "log_q_correction": log_q_correction.LOG_Q_CORRECTIONS,
    "frequency_estimator": frequency.ESTIMATORS,
}

_COUNTS = (
    "num_hard_negatives",
    "num_uniform_negatives",
    "num_corpus_hard_negatives",
    "bank_size",
    "bank_warm_up_steps",
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The choices of a two-tower model.

    Attributes:
      embedding_dim: width of both towers' outputs and of the id tables.
      query_hidden_units: widths of the query tower's hidden layers.
      candidate_hidden_units: widths of the candidate tower's hidden layers.
      use_query_id: whether a query's own id is embedded.
      history_length: how many of the last candidate ids the query tower reads; 0 for none.
      share_candidate_embedding: whether history and candidate tower use one table.
      dropout: rate on the inputs of both towers, in [0, 1).
      num_oov_buckets: rows for ids outside the vocabulary, by their hash.
      similarity: `cosine`, `dot` or `euclidean`, of both towers' outputs.
      objective: the loss of a row, a name in `objectives.OBJECTIVES`.
      temperature: divisor of the training scores, > 0.
      learn_temperature: whether the temperature is learned, between a tenth and ten times its first value.
      log_q_correction: how the streamed frequencies correct the logits, a name in `log_q_correction.LOG_Q_CORRECTIONS`.
      remove_accidental_hits: whether a row's own positive is masked among its negatives.
      remove_history: whether what the query chose before is masked among its negatives.
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
    share_candidate_embedding: bool = True
    dropout: float = 0.3
    num_oov_buckets: int = 1
    similarity: str = "cosine"
    objective: str = "softmax"
    temperature: float = 0.07
    learn_temperature: bool = False
    log_q_correction: str = "yi2019"
    remove_accidental_hits: bool = False
    remove_history: bool = False
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
            ("dropout", self.dropout, 0.0 <= self.dropout < 1.0, "in [0, 1)"),
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
        if self.similarity == "euclidean" and self.objective not in ("softmax", "bayesian_personalised_ranking"):
            raise ModelConfigError(
                f"objective={self.objective} wants positive scores for positives, but similarity=euclidean has none "
                "above 0; use dot or cosine, or compare with softmax or bayesian_personalised_ranking."
            )
        if self.remove_history and not self.history_length:
            raise ModelConfigError("remove_history needs histories, but history_length is 0; raise it.")

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
      query_features: the query tower's features.
      candidate_features: the candidate tower's features.
    """

    query_ids: tuple[str, ...]
    candidate_ids: tuple[str, ...]
    query_features: tuple[features.FeatureInput, ...] = ()
    candidate_features: tuple[features.FeatureInput, ...] = ()


def build_two_tower(
    config: ModelConfig, inputs: ModelInputs, seed: int, corpus: negatives.Corpus | None = None
) -> two_tower.TwoTowerModel:
    """Builds the towers, the task, the frequency estimate and the sources of negatives; nothing is trained yet.

    The loss is the *mean* over the batch, so the learning rate does not depend on its size.

    Args:
      config: the options.
      inputs: what is known of the data.
      seed: of every draw.
      corpus: what negatives are drawn from; `None` for a model that is not trained any more.

    Raises:
      ModelConfigError: if the options leave the query tower nothing to read.
    """
    if not (config.use_query_id or config.history_length or inputs.query_features):
        raise ModelConfigError(
            "A query needs an id, a history or a feature to be encoded, but use_query_id is false, history_length is 0 "
            "and the data has no query features; switch one of them on."
        )

    def table(name: str, vocabulary: tuple[str, ...]) -> string_embedding.StringEmbedding:
        return string_embedding.StringEmbedding(
            vocabulary, config.embedding_dim, config.num_oov_buckets, seed=seed, name=name
        )

    candidate_table = table("candidate_id", inputs.candidate_ids)
    history_table = candidate_table if config.share_candidate_embedding else table("history", inputs.candidate_ids)
    query_tower = towers.QueryTower(
        id_embedding=table("query_id", inputs.query_ids) if config.use_query_id else None,
        history_embedding=history_table if config.history_length else None,
        feature_inputs=inputs.query_features,
        history_length=config.history_length or 1,
        embedding_dim=config.embedding_dim,
        hidden_units=config.query_hidden_units,
        dropout=config.dropout,
        similarity=config.similarity,
        seed=seed,
    )
    candidate_tower = towers.CandidateTower(
        id_embedding=candidate_table,
        feature_inputs=inputs.candidate_features,
        embedding_dim=config.embedding_dim,
        hidden_units=config.candidate_hidden_units,
        dropout=config.dropout,
        similarity=config.similarity,
        seed=seed,
    )
    retrieval = _build_task(config, inputs, seed)
    pool = None
    if corpus is not None and (config.num_uniform_negatives or config.num_corpus_hard_negatives or config.bank_size):
        pool = _build_pool(config, corpus, retrieval.streaming_frequency, candidate_tower.embedding_dim, seed)
    return two_tower.TwoTowerModel(query_tower, candidate_tower, retrieval, config.remove_history, pool)


def _build_pool(
    config: ModelConfig,
    corpus: negatives.Corpus,
    streaming_frequency: frequency.StreamingFrequency | None,
    embedding_dim: int,
    seed: int,
) -> negatives.NegativePool:
    uniform, hard, bank = None, None, None
    if config.num_uniform_negatives:
        uniform = negatives.UniformNegatives(corpus.num_candidates, config.num_uniform_negatives, seed)
    if config.num_corpus_hard_negatives:
        hard = negatives.CorpusHardNegatives(
            corpus.num_candidates,
            embedding_dim,
            config.num_corpus_hard_negatives,
            config.temperature,
            config.corpus_refresh_steps,
            seed=seed,
            name="corpus_hard_negatives",
        )
    if config.bank_size:
        bank = negatives.CandidateBank(config.bank_size, embedding_dim, config.bank_warm_up_steps, name="bank")
    return negatives.NegativePool(corpus, streaming_frequency, uniform, hard, bank, name="negative_pool")


def _build_task(config: ModelConfig, inputs: ModelInputs, seed: int) -> task.Retrieval:
    return task.Retrieval(
        objective=config.objective,
        reduction="mean",
        temperature=_build_temperature(config),
        log_q_correction=config.log_q_correction,
        remove_accidental_hits=config.remove_accidental_hits,
        num_hard_negatives=config.num_hard_negatives or None,
        streaming_frequency=_build_frequency(config, inputs, seed),
        health=training_health.TrainingHealth(name="health"),
    )


def _build_temperature(config: ModelConfig) -> float | temperature.LearnableTemperature:
    if not config.learn_temperature:
        return config.temperature
    return temperature.LearnableTemperature(
        config.temperature, 0.1 * config.temperature, 10.0 * config.temperature, name="temperature"
    )


def _build_frequency(config: ModelConfig, inputs: ModelInputs, seed: int) -> frequency.StreamingFrequency | None:
    if config.log_q_correction == "none":
        return None
    return frequency.StreamingFrequency(
        num_buckets=config.frequency_num_buckets or max(1, len(inputs.candidate_ids)),
        num_hashes=config.frequency_num_hashes,
        estimator=config.frequency_estimator,
        seed=seed,
        sample_ids=inputs.candidate_ids,
        name="streaming_frequency",
    )
