"""What both towers share."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tfrs_model import dropout as dropout_lib
from tfrs_model import features as features_lib
from tfrs_model import seeds, shared_layers, string_embedding
from tfrs_model import similarity as similarity_lib


class Tower(tf.keras.layers.Layer):
    """What both towers share: features beside ids, an MLP, a projection, the form that makes the score a product."""

    # Set by each tower: its side of the similarity.
    _augment: Callable[[tf.Tensor, str], tf.Tensor]

    def __init__(
        self,
        feature_inputs: Sequence[features_lib.FeatureInput | Mapping],
        feature_tables: Mapping[str, tf.keras.layers.Layer] | None,
        embedding_dim: int,
        hidden_units: Sequence[int],
        dropout: float,
        similarity: str,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._similarity = similarity
        self._features = features_lib.FeatureEncoder(feature_inputs, feature_tables, seed, name=f"{self.name}_features")
        self._embedding_dim = embedding_dim
        self._hidden_units = list(hidden_units)
        self._dropout_rate = dropout
        self._seed = seed
        self._input_dropout = dropout_lib.StatelessDropout(dropout, seed, name=f"{self.name}_dropout")
        self._hidden = [self._dense(f"dense_{i}", units, "relu") for i, units in enumerate(self._hidden_units)]
        self._projection = self._dense("projection", embedding_dim, None)

    @property
    def embedding_dim(self) -> int:
        """Width of the output."""
        return self._embedding_dim + similarity_lib.num_added_dimensions(self._similarity)

    @property
    def feature_inputs(self) -> tuple[features_lib.FeatureInput, ...]:
        """The features this tower reads besides ids and history."""
        return self._features.inputs_expected

    def _tables_config(self, **id_tables: string_embedding.StringEmbedding | None) -> dict:
        return shared_layers.to_config({**id_tables, "feature_tables": self._features.given_tables})

    def _dense(self, name: str, units: int, activation: str | None) -> tf.keras.layers.Dense:
        seed = seeds.derive_seed(self._seed, f"{self.name}/{name}")
        return tf.keras.layers.Dense(
            units, activation, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=seed), name=name
        )

    def _encode(self, parts: Sequence[tf.Tensor], training: bool | None) -> tf.Tensor:
        hidden = self._input_dropout(tf.concat(parts, axis=1), training=training)
        for layer in self._hidden:
            hidden = layer(hidden)
        return self._augment(self._projection(hidden), self._similarity)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal tower."""
        return {
            **super().get_config(),
            "feature_inputs": self._features.get_config()["inputs"],
            "embedding_dim": self._embedding_dim,
            "hidden_units": self._hidden_units,
            "dropout": self._dropout_rate,
            "similarity": self._similarity,
            "seed": self._seed,
        }


def require_inputs(name: str, expected: Mapping, inputs: Mapping) -> None:
    """Checks that every input is there.

    Raises:
      KeyError: if one is missing; the message names it.
    """
    missing = sorted(set(expected) - set(inputs))
    if missing:
        raise KeyError(f"{name} needs input {missing[0]!r}, but got {sorted(inputs)}.")


def with_tables(config: dict) -> dict:
    """Returns the arguments of a tower's configuration, its tables made."""
    return {key: value for key, value in config.items() if key != "tables"} | shared_layers.from_config(
        config["tables"]
    )
