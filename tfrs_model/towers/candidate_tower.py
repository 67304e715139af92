"""The encoder of what may be recommended."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfrs_model import features as features_lib
from tfrs_model import schema as schema_lib
from tfrs_model import similarity as similarity_lib
from tfrs_model import string_embedding
from tfrs_model.towers import tower as tower_lib


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class CandidateTower(tower_lib.Tower):
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
      id_dropout: probability in [0, 1) with which training takes a candidate id for an unknown one.
      cross_layers: layers of the cross network before the hidden ones; 0 for none.
      skip_connection: whether the embeddings are added to the output as they are; then they are as wide as it.

    Raises:
      ValueError: if there is nothing to encode, or no id to drop.
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
        id_dropout: float = 0.0,
        cross_layers: int = 0,
        skip_connection: bool = False,
        name: str = "candidate_tower",
        **kwargs,
    ):
        options = (embedding_dim, hidden_units, dropout, similarity, seed, id_dropout, cross_layers, skip_connection)
        super().__init__(feature_inputs, feature_tables, *options, name=name, **kwargs)
        tower_lib.require_id_to_drop(id_embedding, id_dropout)
        self._require_added_width(id_embedding)
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
          training: whether dropout of inputs and ids draws.

        Returns:
          `[batch_size, embedding_dim]` float32; for the cosine of length 1, or shorter where nothing is known.
        """
        tower_lib.require_inputs(self.name, self.input_specs, inputs)
        embeddings = []
        if self._id_embedding is not None:
            embeddings.append(self._embed_ids(self._id_embedding, inputs[schema_lib.CANDIDATE_ID], training))
        return self._encode(self._features(inputs), embeddings, training)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal tower."""
        return {**super().get_config(), "tables": self._tables_config(id_embedding=self._id_embedding)}

    @classmethod
    def from_config(cls, config: dict) -> "CandidateTower":
        """Makes the tower that `get_config` describes, with tables of its own."""
        return cls(**tower_lib.with_tables(config))
