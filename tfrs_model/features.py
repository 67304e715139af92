"""From the raw feature columns of one side to one vector per row."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tfrs_model import cyclic_time, feature_tables, pooling, shared_layers, text_ngrams
from tfrs_model.feature_input import FeatureInput

__all__ = ["FeatureEncoder", "FeatureInput"]


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class FeatureEncoder(tf.keras.layers.Layer):
    """Turns the features of one side into one vector, feature after feature.

        id, categorical  the value's embedding, zero where missing ("")
        multivalent      the values' embeddings pooled, by their weights if they have some, zero for an empty list
        numeric          the standardised value, and a flag that is 1 when it is missing (NaN)
        bucketised       the embedding of the value's bucket, zero when missing (NaN)
        text             the embeddings of the hashed n-grams pooled, zero where there are none
        timestamp        sine and cosine of each part, and a flag that is 1 when it is missing (-1)

    Args:
      inputs: the features, in the order in which they are concatenated; dicts are taken as `FeatureInput`.
      tables: embedding tables by name that are not this layer's alone; it makes those of its features
        that are not among them.
      seed: of the initial rows.
    """

    def __init__(
        self,
        inputs: Sequence[FeatureInput | Mapping],
        tables: Mapping[str, tf.keras.layers.Layer] | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._inputs = [each if isinstance(each, FeatureInput) else FeatureInput(**each) for each in inputs]
        self._seed = seed
        self._given_tables, self._own_tables = {}, {}
        for name, readers in feature_tables.readers_of_tables(self._inputs).items():
            if tables and name in tables:
                self._given_tables[name] = tables[name]
            else:
                layer_name = f"{self.name}_{readers[0].name}"
                self._own_tables[name] = feature_tables.make_table(readers, seed, layer_name)

    @property
    def inputs_expected(self) -> tuple[FeatureInput, ...]:
        """The features this layer reads."""
        return tuple(self._inputs)

    @property
    def given_tables(self) -> dict[str, tf.keras.layers.Layer]:
        """The tables that this layer was given and reads, by name."""
        return dict(self._given_tables)

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of every input, by name."""
        return {name: spec for each in self._inputs for name, spec in each.tensor_specs().items()}

    def call(self, features: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """Encodes each feature.

        Args:
          features: by name: `[batch_size]` strings (id, categorical, text), `[batch_size, length]`
            strings filled with "" (multivalent) beside as many float32 (`<name>_weights`), `[batch_size]`
            float32 (numeric, bucketised) or int64 (timestamp: microseconds UTC).

        Returns:
          One `[batch_size, width]` float32 tensor per feature, in order.

        Raises:
          KeyError: if an input is missing; the message names it.
        """
        missing = [name for name in self.input_specs if name not in features]
        if missing:
            raise KeyError(f"{self.name} needs feature {missing[0]!r}, but got {sorted(features)}.")
        return [_ENCODINGS[each.kind](each, features, self._table(each)) for each in self._inputs]

    def _table(self, feature: FeatureInput) -> tf.keras.layers.Layer | None:
        return self._given_tables.get(feature.table_name) or self._own_tables.get(feature.table_name)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        inputs = [dataclasses.asdict(each) for each in self._inputs]
        tables = shared_layers.to_config(self.given_tables)
        return {**super().get_config(), "inputs": inputs, "tables": tables, "seed": self._seed}

    @classmethod
    def from_config(cls, config: dict) -> "FeatureEncoder":
        """Makes the layer that `get_config` describes, with tables of its own."""
        return cls(**{**config, "tables": shared_layers.from_config(config["tables"])})


_Table = Callable[[tf.Tensor], tf.Tensor]
_Features = Mapping[str, tf.Tensor]


def _encode_single(feature: FeatureInput, features: _Features, table: _Table) -> tf.Tensor:
    return table(features[feature.name])


def _encode_list(feature: FeatureInput, features: _Features, table: _Table) -> tf.Tensor:
    values = features[feature.name]
    # Fillings are not looked up: they would count as touched rows.
    present = tf.where(tf.not_equal(values, ""))
    weights = None
    if feature.weighted:
        with tf.control_dependencies(_weight_checks(feature, features)):
            weights = tf.gather_nd(features[feature.weights_name], present)
    embeddings = table(tf.gather_nd(values, present))
    return pooling.pool(embeddings, present[:, 0], tf.shape(values)[0], feature.pooling, weights)


def _weight_checks(feature: FeatureInput, features: _Features) -> list[tf.Operation | None]:
    values, weights = features[feature.name], features[feature.weights_name]
    return [
        tf.debugging.assert_equal(
            tf.shape(weights),
            tf.shape(values),
            message=f"Input {feature.weights_name} must have one weight for each value of {feature.name}.",
        ),
        tf.debugging.Assert(
            tf.reduce_all(tf.logical_and(weights >= 0.0, tf.math.is_finite(weights))),
            [f"Input {feature.weights_name} must hold finite weights >= 0."],
        ),
    ]


def _encode_number(feature: FeatureInput, features: _Features, table: None) -> tf.Tensor:
    values = features[feature.name]
    missing = tf.math.is_nan(values)
    standardised = (values - feature.mean) / feature.standard_deviation
    standardised = tf.where(missing, tf.zeros_like(values), standardised)
    return tf.stack([standardised, tf.cast(missing, tf.float32)], axis=1)


def _encode_text(feature: FeatureInput, features: _Features, table: _Table) -> tf.Tensor:
    text = features[feature.name]
    ngrams = text_ngrams.ngrams(text, feature.ngram_unit, feature.ngram_sizes)
    # Flat, since the longest text would set the width for all.
    return pooling.pool(table(ngrams.flat_values), ngrams.value_rowids(), tf.shape(text)[0], feature.pooling)


def _encode_moment(feature: FeatureInput, features: _Features, table: None) -> tf.Tensor:
    return cyclic_time.encode_moments(features[feature.name], feature.parts)


_ENCODINGS = {
    "id": _encode_single,
    "categorical": _encode_single,
    "multivalent": _encode_list,
    "numeric": _encode_number,
    "bucketised": _encode_single,
    "text": _encode_text,
    "timestamp": _encode_moment,
}
