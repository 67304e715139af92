"""From the options and what is known of the data to a two-tower model."""

import tensorflow as tf

from tfrs_model import (
    feature_tables,
    frequency,
    history,
    negatives,
    row_task,
    string_embedding,
    task,
    temperature,
    towers,
    training_health,
    two_tower,
)
from tfrs_model import schema as schema_lib
from tfrs_model.model_config import ModelConfig, ModelConfigError, ModelInputs


def build_two_tower(
    config: ModelConfig,
    inputs: ModelInputs,
    seed: int,
    corpus: negatives.Corpus | None = None,
    memory_budget_bytes: int | None = None,
    streaming_frequency: tf.keras.layers.Layer | None = None,
) -> two_tower.TwoTowerModel:
    """Builds the towers, the task, the frequency estimate and the sources of negatives; nothing is trained yet.

    The loss is the *mean* over the batch, so the learning rate does not depend on its size.

    Args:
      config: the options.
      inputs: what is known of the data.
      seed: of every draw.
      corpus: what negatives are drawn from; `None` for a model that is not trained any more.
      memory_budget_bytes: what the bank may take at most; `None` is the machine's whole memory.
      streaming_frequency: stands in place of the estimate that the options describe, and answers as it does; for
        comparisons with other estimates.

    Raises:
      ModelConfigError: if the options leave the query tower nothing to read.
    """
    query_tower, candidate_tower = build_towers(config, inputs, seed)
    if config.negatives == "in_batch":
        retrieval = _build_task(config, streaming_frequency or _build_frequency(config, inputs, seed))
        pool = _build_pool(
            config, corpus, retrieval.streaming_frequency, candidate_tower.embedding_dim, seed, memory_budget_bytes
        )
    else:
        retrieval = row_task.RowTask(config.objective, _build_temperature(config), name="row_task")
        pool = _build_row_negatives(config, corpus, seed)
    return two_tower.TwoTowerModel(query_tower, candidate_tower, retrieval, config.remove_history, pool)


def require_query_inputs(config: ModelConfig, inputs: ModelInputs) -> None:
    """Checks that the query tower has something to read.

    Raises:
      ModelConfigError: if it has neither id, history nor features.
    """
    if not (config.use_query_id or config.history_length or inputs.query_features):
        raise ModelConfigError(
            "A query needs an id, a history or a feature to be encoded, but use_query_id is false, history_length is 0 "
            "and the data has no query features; switch one of them on."
        )


def build_towers(
    config: ModelConfig, inputs: ModelInputs, seed: int
) -> tuple[towers.QueryTower, towers.CandidateTower]:
    """Builds both towers with the tables that they share; none has variables before its first call.

    Args:
      config: the options.
      inputs: what is known of the data.
      seed: of every draw.

    Raises:
      ModelConfigError: if the options leave the query tower nothing to read.
    """
    require_query_inputs(config, inputs)
    tables = _build_tables(config, inputs, seed)
    candidate_table = tables[schema_lib.CANDIDATE_ID]
    history_table = candidate_table
    if not config.share_candidate_embedding:
        history_table = _id_table(config, "history", inputs.candidate_ids, seed)
    of_both = {
        "embedding_dim": config.embedding_dim,
        "dropout": config.dropout,
        "similarity": config.similarity,
        "skip_connection": config.skip_connection,
        "seed": seed,
        "feature_tables": tables,
    }
    query_tower = towers.QueryTower(
        id_embedding=tables[schema_lib.QUERY_ID] if config.use_query_id else None,
        history_embedding=history_table if config.history_length else None,
        feature_inputs=inputs.query_features,
        history_length=config.history_length or 1,
        history_encoder=_build_history_encoder(config, seed),
        reads_moment=config.reads_moment,
        hidden_units=config.query_hidden_units,
        id_dropout=config.query_id_dropout,
        cross_layers=config.query_cross_layers,
        **of_both,
    )
    candidate_tower = towers.CandidateTower(
        id_embedding=candidate_table,
        feature_inputs=inputs.candidate_features,
        hidden_units=config.candidate_hidden_units,
        id_dropout=config.candidate_id_dropout,
        cross_layers=config.candidate_cross_layers,
        **of_both,
    )
    return query_tower, candidate_tower


def _build_tables(config: ModelConfig, inputs: ModelInputs, seed: int) -> dict[str, tf.keras.layers.Layer]:
    """Returns the tables that towers share, by name, and those of ids; a tower takes of these what it reads."""
    features = inputs.query_features + inputs.candidate_features
    tables = feature_tables.make_shared_tables(features, seed)
    tables[schema_lib.CANDIDATE_ID] = _id_table(config, schema_lib.CANDIDATE_ID, inputs.candidate_ids, seed)
    if config.use_query_id or schema_lib.QUERY_ID in feature_tables.readers_of_tables(features):
        tables[schema_lib.QUERY_ID] = _id_table(config, schema_lib.QUERY_ID, inputs.query_ids, seed)
    return tables


def _id_table(
    config: ModelConfig, name: str, vocabulary: tuple[str, ...], seed: int
) -> string_embedding.StringEmbedding:
    return string_embedding.StringEmbedding(
        vocabulary, config.embedding_dim, config.num_oov_buckets, seed=seed, name=name
    )


def _build_history_encoder(config: ModelConfig, seed: int) -> history.HistoryEncoder:
    options = {
        "num_layers": config.history_layers,
        "num_heads": config.history_heads,
        "dropout": config.dropout,
        "reads_time_gaps": config.history_time_gaps,
    }
    read = {name: options[name] for name in history.ENCODERS[config.history_encoder].options}
    return history.build_encoder(
        config.history_encoder, config.embedding_dim, seed=seed, name="query_tower_history", **read
    )


def _build_row_negatives(
    config: ModelConfig, corpus: negatives.Corpus | None, seed: int
) -> negatives.RowNegatives | None:
    if corpus is None or config.negatives != "per_row":
        return None
    return negatives.RowNegatives(
        corpus, config.num_row_negatives, config.remove_accidental_hits, seed, name="row_negatives"
    )


def _build_pool(
    config: ModelConfig,
    corpus: negatives.Corpus | None,
    streaming_frequency: frequency.StreamingFrequency | None,
    embedding_dim: int,
    seed: int,
    memory_budget_bytes: int | None,
) -> negatives.NegativePool | None:
    if corpus is None or not (config.num_uniform_negatives or config.num_corpus_hard_negatives or config.bank_size):
        return None
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
        bank = negatives.CandidateBank(
            config.bank_size, embedding_dim, config.bank_warm_up_steps, memory_budget_bytes, name="bank"
        )
    is_per_draw = config.log_q_correction == "corrected2025"
    return negatives.NegativePool(corpus, streaming_frequency, is_per_draw, uniform, hard, bank, name="negative_pool")


def _build_task(config: ModelConfig, streaming_frequency: tf.keras.layers.Layer | None) -> task.Retrieval:
    return task.Retrieval(
        objective=config.objective,
        reduction="mean",
        temperature=_build_temperature(config),
        log_q_correction=config.log_q_correction,
        remove_accidental_hits=config.remove_accidental_hits,
        num_hard_negatives=config.num_hard_negatives or None,
        streaming_frequency=streaming_frequency,
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
