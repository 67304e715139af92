"""The encoder of who asks."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfrs_model import features as features_lib
from tfrs_model import history as history_lib
from tfrs_model import schema as schema_lib
from tfrs_model import similarity as similarity_lib
from tfrs_model import string_embedding
from tfrs_model.towers import tower as tower_lib


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class QueryTower(tower_lib.Tower):
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
      history_encoder: what the tower makes of the history's embeddings; `None` averages them.
      reads_moment: whether it also reads how long ago the history was, see `history.MomentGaps`.
      id_dropout: probability in [0, 1) with which training takes a query id for an unknown one.
      cross_layers: layers of the cross network before the hidden ones; 0 for none.
      skip_connection: whether the embeddings are added to the output as they are; then they are as wide as it.

    Raises:
      ValueError: if there is nothing to encode, or no id to drop.
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
        history_encoder: history_lib.HistoryEncoder | None = None,
        reads_moment: bool = False,
        id_dropout: float = 0.0,
        cross_layers: int = 0,
        skip_connection: bool = False,
        name: str = "query_tower",
        **kwargs,
    ):
        options = (embedding_dim, hidden_units, dropout, similarity, seed, id_dropout, cross_layers, skip_connection)
        super().__init__(feature_inputs, feature_tables, *options, has_own_features=reads_moment, name=name, **kwargs)
        tower_lib.require_id_to_drop(id_embedding, id_dropout)
        self._require_added_width(id_embedding, history_embedding)
        if id_embedding is None and history_embedding is None and not feature_inputs:
            raise ValueError("A query tower needs a query id, a history or a feature, but has none of them.")
        if history_length < 1:
            raise ValueError(
                f"history_length must be >= 1, but is {history_length}; leave histories out with "
                "history_embedding=None."
            )
        if reads_moment and history_embedding is None:
            raise ValueError("reads_moment is about how long ago a history was, but the tower has none; switch it off.")
        self._history_length = history_length
        self._id_embedding = id_embedding
        self._history_embedding = history_embedding
        self._history_encoder = None
        if history_embedding is not None:
            self._history_encoder = history_encoder or history_lib.Mean(
                history_embedding.embedding_dim, name=f"{name}_history"
            )
        self._moment_gaps = history_lib.MomentGaps(name=f"{name}_moment_gaps") if reads_moment else None

    @property
    def reads_history_timestamps(self) -> bool:
        """Whether the history's moments are an input."""
        encoder_does = self._history_encoder is not None and self._history_encoder.reads_time_gaps
        return encoder_does or self.reads_moment

    @property
    def reads_moment(self) -> bool:
        """Whether the moment at which a query asks is an input."""
        return self._moment_gaps is not None

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of every raw input, by name, as a request gives them."""
        specs = {}
        if self._id_embedding is not None:
            specs[schema_lib.QUERY_ID] = tf.TensorSpec([None], tf.string, name=schema_lib.QUERY_ID)
        if self._history_embedding is not None:
            specs[schema_lib.HISTORY] = tf.TensorSpec([None, None], tf.string, name=schema_lib.HISTORY)
        if self.reads_history_timestamps:
            name = schema_lib.HISTORY_TIMESTAMPS
            specs[name] = tf.TensorSpec([None, None], tf.int64, name=name)
        if self.reads_moment:
            specs[schema_lib.MOMENT] = tf.TensorSpec([None], tf.int64, name=schema_lib.MOMENT)
        return specs | self._features.input_specs

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Embeds queries.

        Args:
          inputs: `query_id` `[batch_size]` strings; `history` `[batch_size, length]`
            candidate ids, oldest first, filled with empty strings on either side;
            `history_timestamps` of the same shape, int64 microseconds UTC, -1 where unknown, if the
            encoder reads time gaps or the tower the moment: `moment`, `[batch_size]` int64 likewise;
            the features by name. In training several rows may share one history: then `history` is
            `[num_histories, length]`, `history_row` `[batch_size]` int64 says which a row reads, and
            `history_end` how many of its positions the row sees.
          training: whether dropout of inputs and ids draws.

        Returns:
          `[batch_size, embedding_dim]` float32; for the cosine of length 1, or shorter where nothing is known.
        """
        tower_lib.require_inputs(self.name, self.input_specs, inputs)
        embeddings = []
        if self._id_embedding is not None:
            embeddings.append(self._embed_ids(self._id_embedding, inputs[schema_lib.QUERY_ID], training))
        if self._history_embedding is not None:
            embeddings.append(self._encode_history(inputs, training))
        features = self._features(inputs)
        if self.reads_moment:
            shown = self._shown(inputs)
            features.append(self._moment_gaps(inputs[schema_lib.MOMENT], *shown))
        return self._encode(features, embeddings, training)

    def _shown(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns `[batch_size, length]` moments of what each row sees of a history, and which are of a choice."""
        history, timestamps = inputs[schema_lib.HISTORY], self._checked_timestamps(inputs)
        if schema_lib.HISTORY_ROW not in inputs:
            return timestamps, tf.not_equal(history_lib.keep_last(history, self._history_length), "")
        rows, ends = inputs[schema_lib.HISTORY_ROW], inputs[schema_lib.HISTORY_END]
        present = history_lib.seen_by_rows(tf.not_equal(history, ""), rows, ends, False)
        return history_lib.seen_by_rows(timestamps, rows, ends, schema_lib.MISSING_MOMENT), present

    def _encode_history(self, inputs: Mapping[str, tf.Tensor], training: bool | None) -> tf.Tensor:
        is_shared = schema_lib.HISTORY_ROW in inputs
        history = inputs[schema_lib.HISTORY]
        if not is_shared:
            history = history_lib.keep_last(history, self._history_length)
        encode = self._history_encoder if is_shared else self._history_encoder.last_state
        states = encode(
            self._history_embedding(history),
            tf.not_equal(history, ""),
            self._checked_timestamps(inputs) if self._history_encoder.reads_time_gaps else None,
            training=training,
        )
        if not is_shared:
            return states
        # Without this check a GPU would read a row that is not there as zero.
        exists = tf.debugging.assert_less(
            inputs[schema_lib.HISTORY_ROW],
            tf.shape(states, tf.int64)[0],
            message="Input history_row must name rows of history; where several replicas train, give each batches of "
            "its own, with the histories that its rows read.",
        )
        with tf.control_dependencies([exists]):
            positions = tf.stack([inputs[schema_lib.HISTORY_ROW], inputs[schema_lib.HISTORY_END]], axis=1)
        return tf.gather_nd(states, positions)

    def _checked_timestamps(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        timestamps = inputs[schema_lib.HISTORY_TIMESTAMPS]
        is_as_long = tf.debugging.assert_equal(
            tf.shape(timestamps),
            tf.shape(inputs[schema_lib.HISTORY]),
            message="Inputs history and history_timestamps must have one shape; give each id its moment, or -1.",
        )
        with tf.control_dependencies([is_as_long]):
            return tf.identity(timestamps)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal tower."""
        return {
            **super().get_config(),
            "tables": self._tables_config(id_embedding=self._id_embedding, history_embedding=self._history_embedding),
            "history_length": self._history_length,
            "reads_moment": self.reads_moment,
            "history_encoder": None
            if self._history_encoder is None
            else tf.keras.layers.serialize(self._history_encoder),
        }

    @classmethod
    def from_config(cls, config: dict) -> "QueryTower":
        """Makes the tower that `get_config` describes, with tables of its own."""
        encoder = config["history_encoder"]
        encoder = encoder and tf.keras.layers.deserialize(encoder)
        return cls(**{**tower_lib.with_tables(config), "history_encoder": encoder})
