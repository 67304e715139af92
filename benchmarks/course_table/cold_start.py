"""What is answered to queries, and of candidates, that training did not know."""

from collections.abc import Callable

import numpy as np

from benchmarks.course_table.featured_groups import FeaturedGroups
from tfrs_model import model_config, ranking, row_lists, two_tower, two_tower_builder
from tfrs_model import schema as schema_lib
from tfrs_model.baselines import query_states, softmax_dnn, weighted_als
from tfrs_model.diagnostics import folding

import tensorflow as tf  # isort: skip

_K = 10
_HISTORY_LENGTH = 10
_NUM_EPOCHS, _BATCH_SIZE, _LEARNING_RATE = 20, 256, 0.01
_OF_TOWERS = {"embedding_dim": 16, "use_query_id": False, "history_length": _HISTORY_LENGTH, "dropout": 0.0}

# Returns vectors of states, and those of all candidates.
_Fitted = tuple[Callable[[query_states.QueryStates], np.ndarray], np.ndarray]


def measure(seed: int = 0) -> dict:
    """Returns the foreign share of each kind of query, and the share of new candidates over the expected, by model."""
    log = FeaturedGroups.plant(seed)
    rows = [
        _row(name, log, *fit(log, seed))
        for name, fit in (("wals", _wals), ("softmax dnn", _softmax_dnn), ("two-tower with features", _two_tower))
    ]
    by_model = {row["model"]: row for row in rows}
    wals, softmax, towers = by_model.values()
    return {
        "rows": rows,
        "holds": wals["new_query_feature_only"] > 0.5
        and max(softmax["new_query_feature_only"], towers["new_query_feature_only"]) < 0.05
        and max(row["new_query_with_history"] for row in rows) < 0.05
        and wals["new_candidates"] == softmax["new_candidates"] == 0.0
        and towers["new_candidates"] > 0.1,
    }


def _row(
    name: str, log: FeaturedGroups, embed: Callable[[query_states.QueryStates], np.ndarray], candidates: np.ndarray
) -> dict:
    row, new, old = {"model": name}, np.flatnonzero(log.is_new_query), np.flatnonzero(~log.is_new_query)
    for kind, queries, with_history in (
        ("known_query", old, True),
        ("new_query_with_history", new, True),
        ("new_query_feature_only", new, False),
    ):
        excluded = log.chosen.take(queries)
        vectors = embed(log.states(queries, with_history))
        ranked = ranking.rank_by_embeddings(vectors, candidates, row_lists.RowLists.empty(len(queries)), excluded, _K)
        groups = log.query_groups[queries]
        shares = folding.foreign_shares(ranked.top_rows, groups, log.candidate_groups, excluded)
        row[kind] = shares.summary()["foreign_share"]
        if kind == "known_query":
            row["new_candidates"] = _new_share(log, ranked.top_rows, queries)
    return row


def _new_share(log: FeaturedGroups, top_rows: np.ndarray, queries: np.ndarray) -> float:
    """Returns the share of new candidates in answers, over what it were if all of a group were equally likely."""
    num_new = log.is_new_candidate.sum() / (log.candidate_groups.max() + 1)
    size = np.bincount(log.candidate_groups)[log.query_groups[queries]]
    expected = np.mean(num_new / (size - log.chosen.lengths[queries]))
    return float(np.mean(log.is_new_candidate[top_rows]) / expected)


def _wals(log: FeaturedGroups, seed: int) -> _Fitted:
    als = weighted_als.WeightedAls(embedding_dim=16, regularization=0.1, folds_in=True, seed=seed)
    fitted = als.fit(log.interactions())
    return fitted.embed_queries, fitted.candidate_embeddings


def _softmax_dnn(log: FeaturedGroups, seed: int) -> _Fitted:
    config = model_config.ModelConfig(**_OF_TOWERS, similarity="dot", temperature=1.0)
    is_known = ~log.is_new_candidate
    counts = log.interactions().counts[is_known]
    model = softmax_dnn.build_softmax_dnn(config, log.model_inputs(), seed, log.candidate_ids[is_known], counts)
    return _train(model, log, seed)


def _two_tower(log: FeaturedGroups, seed: int) -> _Fitted:
    # An id that is sometimes taken for an unknown one is trained to be one.
    config = model_config.ModelConfig(**_OF_TOWERS, candidate_id_dropout=0.3)
    return _train(two_tower_builder.build_two_tower(config, log.model_inputs(), seed), log, seed)


def _train(model: two_tower.TwoTowerModel, log: FeaturedGroups, seed: int) -> _Fitted:
    """Trains on each interaction with the query's others as history, and on half of them without any."""
    interactions = log.interactions()
    histories = []
    for position, (query, row) in enumerate(zip(interactions.query_rows, interactions.candidate_rows, strict=True)):
        own = log.chosen.rows[log.chosen.splits[query] : log.chosen.splits[query + 1]]
        histories.append(own[own != row] if position % 2 else own[:0])
    queries = log.query_inputs(interactions.query_rows, histories, _HISTORY_LENGTH)
    batch = {
        "query": _as_text(queries),
        "candidate": _as_text(log.candidate_inputs(interactions.candidate_rows)),
        "weight": interactions.weights,
    }
    rows = tf.data.Dataset.from_tensor_slices(batch).shuffle(len(interactions), seed=seed)
    model.compile(optimizer=tf.keras.optimizers.legacy.Adam(_LEARNING_RATE))
    model.fit(rows.batch(_BATCH_SIZE, drop_remainder=True), epochs=_NUM_EPOCHS, verbose=0)

    def embed(states: query_states.QueryStates) -> np.ndarray:
        inputs = log.query_inputs(states.query_rows, list(states.histories()), _HISTORY_LENGTH)
        return model.query_tower(_as_text(inputs)).numpy()

    corpus = _as_text(log.candidate_inputs(np.arange(len(log.candidate_groups))))
    if isinstance(model, softmax_dnn.SoftmaxDnn):
        corpus = {schema_lib.CANDIDATE_ID: corpus[schema_lib.CANDIDATE_ID]}
    return embed, model.candidate_tower(corpus).numpy()


def _as_text(inputs: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(values, tf.string) for name, values in inputs.items()}
