"""What a tower must know of one feature."""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

from tfrs_model import schema as schema_lib

_LISTS = ("vocabulary", "boundaries", "ngram_sizes", "parts")
_DTYPES = {"numeric": tf.float32, "bucketised": tf.float32, "timestamp": tf.int64}


@dataclasses.dataclass(frozen=True)
class FeatureInput:
    """What a tower must know of one feature: the schema's part and what training data said.

    Attributes:
      name: key in the tower's input.
      kind: a name in `schema.FEATURE_KINDS`.
      embedding_dim: width of each value's embedding; ignored where nothing is embedded and in the id tables.
      vocabulary: known values; empty for other kinds, hashed values and the id tables, whose ids the model has.
      mean: training mean of a numeric feature.
      standard_deviation: training deviation of a numeric feature, > 0.
      table: name of the embedding table; features of one name share it. Empty is a table of the feature's own.
      hash_buckets: rows into which values are hashed; `None` for a vocabulary.
      weighted: whether a multivalent feature has weights, in the input `<name>_weights`.
      pooling: `mean`, `sum`, `sqrtn` or `max` of multivalent and text.
      boundaries: of a bucketised feature, strictly ascending.
      ngram_unit: `word` or `character`, of a text.
      ngram_sizes: of a text.
      parts: of a timestamp.
    """

    name: str
    kind: str
    embedding_dim: int = 16
    vocabulary: tuple[str, ...] = ()
    mean: float = 0.0
    standard_deviation: float = 1.0
    table: str = ""
    hash_buckets: int | None = None
    weighted: bool = False
    pooling: str = "mean"
    boundaries: tuple[float, ...] = ()
    ngram_unit: str = "word"
    ngram_sizes: tuple[int, ...] = (1, 2)
    parts: tuple[str, ...] = schema_lib.TIMESTAMP_PARTS[:2]

    def __post_init__(self) -> None:
        for option in _LISTS:
            object.__setattr__(self, option, tuple(getattr(self, option)))
        for option, names in (
            ("kind", schema_lib.FEATURE_KINDS),
            ("pooling", schema_lib.POOLINGS),
            ("ngram_unit", schema_lib.NGRAM_UNITS),
        ):
            if getattr(self, option) not in names:
                raise ValueError(
                    f"Feature {self.name!r}: {option} must be one of {', '.join(names)}, "
                    f"but is {getattr(self, option)!r}."
                )
        if not (math.isfinite(self.mean) and math.isfinite(self.standard_deviation) and self.standard_deviation > 0):
            raise ValueError(
                f"Feature {self.name!r}: mean must be finite and standard_deviation finite and > 0, "
                f"but they are {self.mean} and {self.standard_deviation}."
            )

    @classmethod
    def from_schema(
        cls,
        feature: schema_lib.Feature,
        side: str,
        vocabulary: Sequence[str] = (),
        mean: float = 0.0,
        standard_deviation: float = 1.0,
        boundaries: Sequence[float] = (),
    ) -> "FeatureInput":
        """Returns what a tower must know of a feature of the schema.

        Args:
          feature: of the schema.
          side: `query`, `context` or `candidate`.
          vocabulary: known values of its table; empty for an id table.
          mean: training mean of a numeric feature.
          standard_deviation: training deviation of a numeric feature.
          boundaries: of the quantiles of the training rows, where the schema gives none.
        """
        given = {
            option: getattr(feature, option)
            for option in ("embedding_dim", "hash_buckets", "pooling", "ngram_unit", "ngram_sizes", "parts")
            if getattr(feature, option) is not None
        }
        return cls(
            feature.name,
            feature.kind,
            vocabulary=tuple(vocabulary),
            mean=mean,
            standard_deviation=standard_deviation,
            table=feature.table_name(side),
            weighted=feature.weights_column is not None,
            boundaries=tuple(feature.boundaries or boundaries),
            **given,
        )

    @property
    def embeds(self) -> bool:
        """Whether values become rows of an embedding table."""
        return self.kind not in ("numeric", "timestamp")

    @property
    def table_name(self) -> str:
        """Name of the embedding table."""
        return self.table or self.name

    @property
    def weights_name(self) -> str:
        """Name of the input of the weights, where the feature has some."""
        return f"{self.name}_weights"

    def tensor_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns shape and dtype of each input of this feature in a request, by name."""
        shape = [None, None] if self.kind == "multivalent" else [None]
        specs = {self.name: tf.TensorSpec(shape, _DTYPES.get(self.kind, tf.string), name=self.name)}
        if self.weighted:
            specs[self.weights_name] = tf.TensorSpec(shape, tf.float32, name=self.weights_name)
        return specs
