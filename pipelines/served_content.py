"""Makes what an export holds: towers, a tuned index over the corpus, its filters, known queries, requests to try it."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf

from pipelines import (
    corpus_columns,
    export_flags,
    feeding,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
)
from serving import query_table, sample_requests, served_recommender, warm_up_requests
from serving.index import candidate_filter, candidate_index, factory, retriever, tuning
from tfrs_model import ranking, row_lists, seeds

# Half of them tune the index, the others judge it.
_NUM_RECALL_QUERIES = 2000


@dataclasses.dataclass(frozen=True)
class ServedContent:
    """What is exported, and what was measured on the way.

    Attributes:
      served: towers, index and filters.
      index_recall: share of the exact top k that the index finds.
      num_recall_queries: on how many training queries that was measured.
      trade_off: what less and more effort would find of them.
      query: one row of raw query inputs.
      requests: for a warm-up.
    """

    served: served_recommender.ServedRecommender
    index_recall: float
    num_recall_queries: int
    trade_off: list[tuning.TradeOff]
    query: Mapping[str, tf.Tensor]
    requests: list[warm_up_requests.Request]


def build(
    config: export_flags.ExportConfig,
    data: prepared_data.PreparedData,
    corpus: pa.Table,
    description: model_directory.ModelDescription,
    best_checkpoint: str,
) -> ServedContent:
    """Embeds the corpus with the candidate tower and indexes it, beside the query tower of the same checkpoint.

    Args:
      config: what is exported.
      data: what the model was trained on; its queries tune and judge the index.
      corpus: what is served: the data's own candidates, or newer ones in the same columns.
      description: of the model.
      best_checkpoint: of both towers.

    Raises:
      ModelDirectoryError, CorpusColumnError: if an input cannot be read.
      CandidateIndexError, CandidateFilterError: if the corpus cannot be indexed.
    """
    filters = corpus_columns.read_filters(corpus, data.schema, config.filter_columns)
    model = model_directory.restore_model(config.model_dir, best_checkpoint)
    feeder = feeding.Feeder.for_model(data, description.config)
    embedder = offline_evaluation.Embedder(model, feeder)
    # Histories name candidates of the data, which may not be served any more.
    served_feeder = feeding.Feeder.for_model(dataclasses.replace(data, corpus=corpus), description.config)
    examples = _sample(data.examples("train"), description.seed)
    with job.stage("Embedding the corpus and building the index") as counts:
        embeddings = offline_evaluation.Embedder(model, served_feeder).corpus()
        index, recall, trade_off = _build_index(config, corpus, embeddings, embedder.queries(examples))
        counts.update(candidates=index.num_candidates, index=index.name)
    served = served_recommender.ServedRecommender(
        model.query_tower,
        model.candidate_tower,
        retriever.Retriever(index, [candidate_filter.CandidateFilter(each, index.order) for each in filters]),
        description.config.similarity,
        config.k,
        config.max_k,
        _query_table(data, embedder) if config.precompute_queries else None,
    )
    query = _one_row(feeder.query_batches(examples, 1), model.query_tower.input_specs)
    candidate = _one_row(served_feeder.candidate_batches(1), model.candidate_tower.input_specs)
    requests = sample_requests.sample_requests(served, _as_arrays(query), _as_arrays(candidate))
    return ServedContent(served, recall, -(-len(examples) // 2), trade_off, query, requests)


def _build_index(
    config: export_flags.ExportConfig, corpus: pa.Table, embeddings: np.ndarray, queries: np.ndarray
) -> tuple[candidate_index.CandidateIndex, float, list[tuning.TradeOff]]:
    """Returns the index, tuned on one half of the queries; on the other, its recall and that at other settings.

    A single query does both.
    """
    index = factory.build_index(
        config.index,
        corpus["candidate_id"].to_pylist(),
        embeddings,
        config.k,
        config.min_index_recall,
        config.index_storage,
    )
    exact = functools.partial(_exact_rows, embeddings)
    tuning.tune(index, queries[1::2] if len(queries) > 1 else queries, config.k, exact, config.min_index_recall)
    judges, answers = queries[::2], exact(queries[::2], config.k)
    return index, tuning.index_recall(index, judges, answers), tuning.trade_off(index, judges, answers)


def _exact_rows(embeddings: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    nothing = row_lists.RowLists.empty(len(queries))
    return ranking.rank_by_embeddings(queries, embeddings, nothing, nothing, k).top_rows


def _query_table(data: prepared_data.PreparedData, embedder: offline_evaluation.Embedder) -> query_table.QueryTable:
    with job.stage("Embedding the queries") as counts:
        states = data.newest_states()
        ids = data.queries["query_id"].take(states.query_rows).to_pylist()
        table = query_table.QueryTable(ids, embedder.queries(states))
        counts.update(queries=table.num_queries)
    return table


def _sample(examples: prepared_data.Examples, seed: int) -> prepared_data.Examples:
    generator = np.random.default_rng(seeds.derive_seed(seed, "index recall"))
    chosen = generator.permutation(len(examples))[:_NUM_RECALL_QUERIES]
    return examples.take(np.sort(chosen))


def _one_row(batches: tf.data.Dataset, specs: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    return {name: values for name, values in next(iter(batches)).items() if name in specs}


def _as_arrays(inputs: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in inputs.items()}
