"""A schema with a feature of every kind in both towers, shared tables, and rows with awkward values."""

import numpy as np
import tensorflow as tf

from tfrs_model import features, model_config, schema

_ALL_KINDS = [
    {"name": "friends", "kind": "multivalent", "table": "query_id"},
    {"name": "region", "kind": "categorical", "table": "places", "embedding_dim": 3},
    {"name": "segment", "kind": "categorical", "hash_buckets": 7, "embedding_dim": 4},
    {"name": "tastes", "kind": "multivalent", "weights_column": "w", "pooling": "sqrtn", "embedding_dim": 5},
    {"name": "income", "kind": "numeric"},
    {"name": "age", "kind": "bucketised", "boundaries": [18, 30, 65], "embedding_dim": 2},
    {"name": "motto", "kind": "text", "hash_buckets": 50, "embedding_dim": 6, "table": "words"},
    {"name": "born", "kind": "timestamp", "parts": ["day_of_month", "month_of_year"]},
]

SCHEMA = schema.Schema.from_dict(
    {
        "schema_version": 2,
        "interactions": {"query_id": "user", "candidate_id": "item", "timestamp": "at", "timestamp_unit": "us"},
        "query_features": _ALL_KINDS,
        "context_features": [
            {"name": "seed", "kind": "id", "table": "candidate_id"},
            {"name": "cart", "kind": "multivalent", "table": "candidate_id", "weights_column": "n", "pooling": "sum"},
            {"name": "place", "kind": "categorical", "table": "places", "embedding_dim": 3},
            {"name": "price", "kind": "bucketised", "num_buckets": 3, "embedding_dim": 2},
            {"name": "search", "kind": "text", "hash_buckets": 50, "embedding_dim": 6, "table": "words"},
            {"name": "at", "kind": "timestamp", "timestamp_unit": "us"},
        ],
        "candidate_features": [
            {"name": "owner", "kind": "id", "table": "query_id"},
            {"name": "shops", "kind": "multivalent", "table": "places", "embedding_dim": 3, "pooling": "max"},
            {"name": "brand", "kind": "categorical", "hash_buckets": 5},
            {"name": "weight", "kind": "numeric"},
            {"name": "size", "kind": "bucketised", "boundaries": [1.5]},
            {"name": "label", "kind": "text", "hash_buckets": 40, "ngram_unit": "character", "ngram_sizes": [3]},
            {"name": "made", "kind": "timestamp"},
        ],
    }
)
_VOCABULARIES = {"places": ("north", "south"), "query.tastes": ("sour", "sweet")}
_QUANTILES = {"price": (9.5, 20.0)}


def model_inputs() -> model_config.ModelInputs:
    """Returns what the model must know, as if it came of prepared data."""

    def inputs(side: str) -> tuple[features.FeatureInput, ...]:
        return tuple(
            features.FeatureInput.from_schema(
                each,
                side,
                _VOCABULARIES.get(each.table_name(side), ()),
                mean=100.0,
                standard_deviation=20.0,
                boundaries=_QUANTILES.get(each.name, ()),
            )
            for each in SCHEMA.features_by_side[side]
        )

    return model_config.ModelInputs(
        ("u1", "u2"), ("c1", "c2", "c3"), inputs("query") + inputs("context"), inputs("candidate")
    )


def queries() -> dict[str, tf.Tensor]:
    """Returns three rows: a whole one, one of unknown values, one of which everything is missing."""
    missing, micro = float("nan"), 1_000_000
    return {
        "query_id": tf.constant(["u1", "stranger", ""]),
        "history": tf.constant([["c1", "c2"], ["", "never"], ["", ""]]),
        "friends": tf.constant([["u2", "u1", ""], ["u9", "", "u2"], ["", "", ""]]),
        "region": tf.constant(["north", "west", ""]),
        "segment": tf.constant(["a", "b", ""]),
        "tastes": tf.constant([["sweet", "sour"], ["bitter", ""], ["", ""]]),
        "tastes_weights": tf.constant([[1.0, 0.5], [0.0, 0.0], [0.0, 0.0]]),
        "income": tf.constant([140.0, -1e6, missing]),
        "age": tf.constant([18.0, 99.0, missing]),
        "motto": tf.constant(["Live, and let LIVE!", "жизнь \u0000 1", ""]),
        "born": tf.constant([86_400 * micro * 9_000, -5 * micro, -1], tf.int64),
        "seed": tf.constant(["c3", "c9", ""]),
        "cart": tf.constant([["c1"], ["c2"], [""]]),
        "cart_weights": tf.constant([[2.0], [1.0], [0.0]]),
        "place": tf.constant(["south", "north", ""]),
        "price": tf.constant([9.5, 1e9, missing]),
        "search": tf.constant(["live", "a b c d e", ""]),
        "at": tf.constant([1_795_305_600 * micro, 0, -1], tf.int64),
    }


def candidates() -> dict[str, tf.Tensor]:
    """Returns three rows, as `queries`."""
    missing = float("nan")
    return {
        "candidate_id": tf.constant(["c1", "new", ""]),
        "owner": tf.constant(["u1", "u9", ""]),
        "shops": tf.constant([["north", "south"], ["west", ""], ["", ""]]),
        "brand": tf.constant(["x", "y", ""]),
        "weight": tf.constant([120.0, 0.0, missing]),
        "size": tf.constant([1.5, 1.4, missing]),
        "label": tf.constant(["Green tea", "ab", ""]),
        "made": tf.constant([10**15, 10**16, -1], tf.int64),
    }


def batch() -> dict:
    """Returns a training batch of both."""
    return {"query": queries(), "candidate": candidates(), "weight": tf.constant([1.0, 0.5, 2.0])}


def randomise(layer: tf.keras.layers.Layer, seed: int = 0) -> None:
    """Gives every weight another value than it was made with."""
    generator = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        weight.assign(generator.normal(size=weight.shape))
