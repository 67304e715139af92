"""What both towers share."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tensorflow_recommenders as tfrs

from tfrs_model import dropout as dropout_lib
from tfrs_model import features as features_lib
from tfrs_model import seeds, shared_layers, string_embedding
from tfrs_model import similarity as similarity_lib


class Tower(tf.keras.layers.Layer):
    """What both towers share: features beside ids, a cross network, an MLP, a projection, the form of the similarity.

    Id dropout (after Volkovs et al., DropoutNet, NeurIPS 2017, which drops what is known of a
    user or item by preference): in training an id is now and then taken for one that is not in
    the vocabulary. So the rows of unknown ids learn what it is to be new, and the features learn
    to do without the id. Each row draws for itself, from the seed and the training call.

    The cross network is that of DCN-V2 (Wang et al., WWW 2021, equation 1), of full rank, on the
    concatenated inputs x_0:

        x_{i+1} = x_0 * (W_i x_i + b_i) + x_i

    With a skip connection the embeddings of id and history are added to the output as they are. A dense layer
    is turned by every step and a row only by those that touch it, so that behind such a layer alone the rows
    of a long tail do not keep up; the layers then read the features, and the embeddings only if there is more
    than the projection.
    """

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
        id_dropout: float = 0.0,
        cross_layers: int = 0,
        skip_connection: bool = False,
        has_own_features: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if cross_layers < 0:
            raise ValueError(f"{self.name}: cross_layers must be >= 0, but is {cross_layers}.")
        self._similarity = similarity
        self._features = features_lib.FeatureEncoder(feature_inputs, feature_tables, seed, name=f"{self.name}_features")
        self._embedding_dim = embedding_dim
        self._hidden_units = list(hidden_units)
        self._dropout_rate = dropout
        self._seed = seed
        self._input_dropout = dropout_lib.StatelessDropout(dropout, seed, name=f"{self.name}_dropout")
        self._hidden = [self._dense(f"dense_{i}", units, "relu") for i, units in enumerate(self._hidden_units)]
        self._skip_connection = skip_connection
        self._layers_read_embeddings = bool(not skip_connection or hidden_units or cross_layers)
        self._projection = None
        if self._layers_read_embeddings or feature_inputs or has_own_features:
            self._projection = self._dense("projection", embedding_dim, None)
        self._cross = [
            tfrs.layers.dcn.Cross(kernel_initializer=self._kernel_initializer(f"cross_{i}"), name=f"cross_{i}")
            for i in range(cross_layers)
        ]
        self._id_dropout_rate = id_dropout
        # Without it no counter goes into checkpoints.
        self._id_dropout = (
            dropout_lib.StatelessDropout(id_dropout, seed, name=f"{self.name}_id_dropout") if id_dropout else None
        )

    @property
    def embedding_dim(self) -> int:
        """Width of the output."""
        return self._embedding_dim + similarity_lib.num_added_dimensions(self._similarity)

    @property
    def feature_inputs(self) -> tuple[features_lib.FeatureInput, ...]:
        """The features this tower reads besides ids and history."""
        return self._features.inputs_expected

    def _require_added_width(self, *tables: string_embedding.StringEmbedding | None) -> None:
        """Refuses tables of another width than the output that their rows are added to."""
        for table in tables:
            if self._skip_connection and table is not None and table.embedding_dim != self._embedding_dim:
                raise ValueError(
                    f"{self.name}: with skip_connection the rows of table {table.name!r} are added to the output, so "
                    f"they must be embedding_dim={self._embedding_dim} wide, but are {table.embedding_dim}."
                )

    def _tables_config(self, **id_tables: string_embedding.StringEmbedding | None) -> dict:
        return shared_layers.to_config({**id_tables, "feature_tables": self._features.given_tables})

    def _dense(self, name: str, units: int, activation: str | None) -> tf.keras.layers.Dense:
        return tf.keras.layers.Dense(units, activation, kernel_initializer=self._kernel_initializer(name), name=name)

    def _kernel_initializer(self, name: str) -> tf.keras.initializers.Initializer:
        return tf.keras.initializers.GlorotUniform(seed=seeds.derive_seed(self._seed, f"{self.name}/{name}"))

    def _embed_ids(self, table: string_embedding.StringEmbedding, ids: tf.Tensor, training: bool | None) -> tf.Tensor:
        """Returns `[batch_size, embedding_dim]`; in training some ids are taken for unknown ones."""
        if self._id_dropout is None or not training:
            return table(ids)
        kept = self._id_dropout(tf.ones_like(ids, tf.float32), training=training)
        return table(ids, as_unknown=tf.equal(kept, 0.0))

    def _encode(
        self, features: Sequence[tf.Tensor], embeddings: Sequence[tf.Tensor], training: bool | None
    ) -> tf.Tensor:
        """Returns what the similarity reads of the features and of the embeddings of id and history."""
        widths = [sum(each.shape[1] for each in features), *(each.shape[1] for each in embeddings)]
        inputs = self._input_dropout(tf.concat([*features, *embeddings], axis=1), training=training)
        of_features, *of_embeddings = tf.split(inputs, widths, axis=1)
        outputs = [self._layers_of(inputs if self._layers_read_embeddings else of_features)] if self._projection else []
        return self._augment(tf.add_n(outputs + of_embeddings * self._skip_connection), self._similarity)

    def _layers_of(self, inputs: tf.Tensor) -> tf.Tensor:
        hidden = inputs
        for cross in self._cross:
            hidden = cross(inputs, hidden)
        for layer in self._hidden:
            hidden = layer(hidden)
        return self._projection(hidden)

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
            "id_dropout": self._id_dropout_rate,
            "skip_connection": self._skip_connection,
            "cross_layers": len(self._cross),
        }


def require_id_to_drop(id_embedding: string_embedding.StringEmbedding | None, id_dropout: float) -> None:
    """Checks that there is an id where one is to be dropped.

    Raises:
      ValueError: if there is none.
    """
    if id_embedding is None and id_dropout:
        raise ValueError(
            f"id_dropout={id_dropout} needs an id to drop, but the tower has no table of ids; set it to 0."
        )


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
