"""The two encoders: raw query features and raw candidate features to vectors whose inner product is the score."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tfrs_model import dropout as dropout_lib
from tfrs_model import features as features_lib
from tfrs_model import history as history_lib
from tfrs_model import schema as schema_lib
from tfrs_model import seeds, shared_layers, string_embedding
from tfrs_model import similarity as similarity_lib


class _Tower(tf.keras.layers.Layer):
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


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class QueryTower(_Tower):
    """Encodes who asks: query id, the recent history of candidate ids, query features.

    Args:
      id_embedding: table of query ids, or `None` to leave the id out.
      history_embedding: table of the history's candidate ids, often the candidate
        tower's own, or `None` to leave the history out.
      feature_inputs: the query features.
      history_length: how many of the last ids of a history are read, >= 1.
      embedding_dim: width of the output; Euclid adds two.
      hidden_units: widths of the hidden layers, each with ReLU; empty for a linear tower.
      dropout: rate on the concatenated inputs, in [0, 1).
      similarity: `dot`, `cosine` or `euclidean`: what the inner product of both towers' outputs is.
      seed: of everything drawn.
      feature_tables: embedding tables by name that features of this tower share with others, or with the ids.

    Raises:
      ValueError: if there is nothing to encode.
    """

    _augment = staticmethod(similarity_lib.augment_queries)

    def __init__(
        self,
        id_embedding: string_embedding.StringEmbedding | None,
        history_embedding: string_embedding.StringEmbedding | None,
        feature_inputs: Sequence[features_lib.FeatureInput | Mapping] = (),
        history_length: int = 20,
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        similarity: str = "cosine",
        seed: int = 0,
        feature_tables: Mapping[str, tf.keras.layers.Layer] | None = None,
        name: str = "query_tower",
        **kwargs,
    ):
        options = (embedding_dim, hidden_units, dropout, similarity, seed)
        super().__init__(feature_inputs, feature_tables, *options, name=name, **kwargs)
        if id_embedding is None and history_embedding is None and not feature_inputs:
            raise ValueError("A query tower needs a query id, a history or a feature, but has none of them.")
        if history_length < 1:
            raise ValueError(
                f"history_length must be >= 1, but is {history_length}; leave histories out with "
                "history_embedding=None."
            )
        self._history_length = history_length
        self._id_embedding = id_embedding
        self._history_embedding = history_embedding

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of every raw input, by name, as a request gives them."""
        specs = {}
        if self._id_embedding is not None:
            specs[schema_lib.QUERY_ID] = tf.TensorSpec([None], tf.string, name=schema_lib.QUERY_ID)
        if self._history_embedding is not None:
            specs[schema_lib.HISTORY] = tf.TensorSpec([None, None], tf.string, name=schema_lib.HISTORY)
        return specs | self._features.input_specs

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Embeds queries.

        Args:
          inputs: `query_id` `[batch_size]` strings; `history` `[batch_size, length]`
            candidate ids, oldest first, filled with empty strings on either side;
            the features by name.
          training: whether dropout draws.

        Returns:
          `[batch_size, embedding_dim]` float32; for the cosine of length 1, or shorter where nothing is known.
        """
        _require_inputs(self.name, self.input_specs, inputs)
        parts = self._features(inputs)
        if self._id_embedding is not None:
            parts.append(self._id_embedding(inputs[schema_lib.QUERY_ID]))
        if self._history_embedding is not None:
            history = history_lib.keep_last(inputs[schema_lib.HISTORY], self._history_length)
            parts.append(string_embedding.mean_of_present(self._history_embedding(history), history))
        return self._encode(parts, training)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal tower."""
        return {
            **super().get_config(),
            "tables": self._tables_config(id_embedding=self._id_embedding, history_embedding=self._history_embedding),
            "history_length": self._history_length,
        }

    @classmethod
    def from_config(cls, config: dict) -> "QueryTower":
        """Makes the tower that `get_config` describes, with tables of its own."""
        return cls(**_with_tables(config))


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class CandidateTower(_Tower):
    """Encodes what may be recommended: candidate id and content features.

    Args:
      id_embedding: table of candidate ids, or `None` for a tower of features alone.
      feature_inputs: the candidate features.
      embedding_dim: width of the output, as the query tower's.
      hidden_units: widths of the hidden layers, each with ReLU; empty for a linear tower.
      dropout: rate on the concatenated inputs, in [0, 1).
      similarity: `dot`, `cosine` or `euclidean`: what the inner product of both towers' outputs is.
      seed: of everything drawn.
      feature_tables: embedding tables by name that features of this tower share with others, or with the ids.

    Raises:
      ValueError: if there is nothing to encode.
    """

    _augment = staticmethod(similarity_lib.augment_candidates)

    def __init__(
        self,
        id_embedding: string_embedding.StringEmbedding | None,
        feature_inputs: Sequence[features_lib.FeatureInput | Mapping] = (),
        embedding_dim: int = 64,
        hidden_units: Sequence[int] = (),
        dropout: float = 0.0,
        similarity: str = "cosine",
        seed: int = 0,
        feature_tables: Mapping[str, tf.keras.layers.Layer] | None = None,
        name: str = "candidate_tower",
        **kwargs,
    ):
        options = (embedding_dim, hidden_units, dropout, similarity, seed)
        super().__init__(feature_inputs, feature_tables, *options, name=name, **kwargs)
        if id_embedding is None and not feature_inputs:
            raise ValueError("A candidate tower needs a candidate id or a feature, but has none of them.")
        self._id_embedding = id_embedding

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of every raw input, by name."""
        specs = self._features.input_specs
        if self._id_embedding is not None:
            specs[schema_lib.CANDIDATE_ID] = tf.TensorSpec([None], tf.string, name=schema_lib.CANDIDATE_ID)
        return specs

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Embeds candidates.

        Args:
          inputs: `candidate_id` `[batch_size]` strings, and the features by name.
          training: whether dropout draws.

        Returns:
          `[batch_size, embedding_dim]` float32; for the cosine of length 1, or shorter where nothing is known.
        """
        _require_inputs(self.name, self.input_specs, inputs)
        parts = self._features(inputs)
        if self._id_embedding is not None:
            parts.append(self._id_embedding(inputs[schema_lib.CANDIDATE_ID]))
        return self._encode(parts, training)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal tower."""
        return {**super().get_config(), "tables": self._tables_config(id_embedding=self._id_embedding)}

    @classmethod
    def from_config(cls, config: dict) -> "CandidateTower":
        """Makes the tower that `get_config` describes, with tables of its own."""
        return cls(**_with_tables(config))


def _require_inputs(name: str, expected: Mapping, inputs: Mapping) -> None:
    missing = sorted(set(expected) - set(inputs))
    if missing:
        raise KeyError(f"{name} needs input {missing[0]!r}, but got {sorted(inputs)}.")


def _with_tables(config: dict) -> dict:
    return {key: value for key, value in config.items() if key != "tables"} | shared_layers.from_config(
        config["tables"]
    )
