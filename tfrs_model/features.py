"""From the raw feature columns of one side to one vector per row."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfrs_model import schema as schema_lib
from tfrs_model import string_embedding


@dataclasses.dataclass(frozen=True)
class FeatureInput:
    """What a tower must know of one feature: the schema's part and what training data said.

    Attributes:
      name: key in the tower's input.
      kind: `categorical`, `multivalent` or `numeric`.
      embedding_dim: width of each value's embedding; ignored for numeric.
      vocabulary: known values; empty for numeric.
      mean: training mean of a numeric feature.
      standard_deviation: training deviation of a numeric feature, > 0.
    """

    name: str
    kind: str
    embedding_dim: int = 16
    vocabulary: tuple[str, ...] = ()
    mean: float = 0.0
    standard_deviation: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in schema_lib.FEATURE_KINDS:
            raise ValueError(
                f"Feature {self.name!r}: kind must be one of {', '.join(schema_lib.FEATURE_KINDS)}, "
                f"but is {self.kind!r}."
            )
        if not (math.isfinite(self.mean) and math.isfinite(self.standard_deviation) and self.standard_deviation > 0):
            raise ValueError(
                f"Feature {self.name!r}: mean must be finite and standard_deviation finite and > 0, "
                f"but they are {self.mean} and {self.standard_deviation}."
            )

    def tensor_spec(self) -> tf.TensorSpec:
        """Returns the shape and dtype of this feature in a request."""
        if self.kind == "numeric":
            return tf.TensorSpec([None], tf.float32, name=self.name)
        shape = [None] if self.kind == "categorical" else [None, None]
        return tf.TensorSpec(shape, tf.string, name=self.name)


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class FeatureEncoder(tf.keras.layers.Layer):
    """Turns the features of one side into one vector, feature after feature.

    A categorical value becomes its embedding, a multivalent list the mean of
    its values' embeddings, a number its standardised value beside a flag that
    is 1 when it is missing (NaN). A missing string or an empty list is zero.

    Args:
      inputs: the features, in the order in which they are concatenated; dicts are taken as `FeatureInput`.
      seed: of the initial rows.
    """

    def __init__(self, inputs: Sequence[FeatureInput | Mapping], seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self._inputs = [
            each
            if isinstance(each, FeatureInput)
            else FeatureInput(**{**each, "vocabulary": tuple(each["vocabulary"])})
            for each in inputs
        ]
        self._seed = seed
        self._embeddings = {
            each.name: string_embedding.StringEmbedding(
                each.vocabulary, each.embedding_dim, seed=seed, name=f"{self.name}_{each.name}"
            )
            for each in self._inputs
            if each.kind != "numeric"
        }

    @property
    def inputs_expected(self) -> tuple[FeatureInput, ...]:
        """The features this layer reads."""
        return tuple(self._inputs)

    def call(self, features: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        """Encodes each feature.

        Args:
          features: by name: `[batch_size]` strings (categorical), `[batch_size, length]`
            strings (multivalent) or `[batch_size]` float32 (numeric).

        Returns:
          One `[batch_size, width]` float32 tensor per feature, in order.

        Raises:
          KeyError: if a feature is missing; the message names it.
        """
        missing = [each.name for each in self._inputs if each.name not in features]
        if missing:
            raise KeyError(f"{self.name} needs feature {missing[0]!r}, but got {sorted(features)}.")
        return [self._encode(each, features[each.name]) for each in self._inputs]

    def _encode(self, feature: FeatureInput, values: tf.Tensor) -> tf.Tensor:
        if feature.kind == "numeric":
            missing = tf.math.is_nan(values)
            standardised = (values - feature.mean) / feature.standard_deviation
            standardised = tf.where(missing, tf.zeros_like(values), standardised)
            return tf.stack([standardised, tf.cast(missing, tf.float32)], axis=1)
        embeddings = self._embeddings[feature.name](values)
        return embeddings if feature.kind == "categorical" else string_embedding.mean_of_present(embeddings, values)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer."""
        inputs = [dataclasses.asdict(each) for each in self._inputs]
        return {**super().get_config(), "inputs": inputs, "seed": self._seed}
