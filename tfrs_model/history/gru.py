"""A recurrent network over what was chosen."""

import tensorflow as tf

from tfrs_model import dropout as dropout_lib
from tfrs_model import seeds
from tfrs_model.history import encoder, packing


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class Gru(encoder.HistoryEncoder):
    """Carries a state through what is present, by gated recurrent units.

        z = sigmoid(e Wz + s Uz + bz)               how much of the state stays
        r = sigmoid(e Wr + s Ur + br)               how much of it the new value sees
        c = tanh(e Wc + bc + r * (s Uc + dc))
        s' = z * s + (1 - z) * c

    Cho et al., EMNLP 2014, with the reset after the product, as cuDNN and Keras have it; for
    sessions Hidasi et al., ICLR 2016. A layer reads the states of the one below it. A weight
    starts Glorot uniform, those on the state orthogonal.

    Args:
      width: of the embeddings and of the states, >= 1.
      num_layers: of units on top of each other, >= 1.
      dropout: rate on what each layer reads, not on the state it carries (Zaremba et al., 2014), in [0, 1).
      seed: of the first weights and of dropout.

    Raises:
      ValueError: if an argument is out of its range.
    """

    options = ("num_layers", "dropout")

    def __init__(self, width: int, num_layers: int = 1, dropout: float = 0.0, seed: int = 0, **kwargs):
        super().__init__(width, **kwargs)
        encoder.require_num_layers(self.name, num_layers)
        self._dropout_rate = dropout
        self._seed = seed
        self._layers = [self._layer(f"{self.name}_{i}") for i in range(num_layers)]
        self._dropouts = [
            dropout_lib.StatelessDropout(dropout, seed, name=f"{self.name}_{i}_dropout") for i in range(num_layers)
        ]

    def _layer(self, name: str) -> tf.keras.layers.GRU:
        layer = tf.keras.layers.GRU(
            self._width,
            kernel_initializer=tf.keras.initializers.GlorotUniform(seeds.derive_seed(self._seed, f"{name}/kernel")),
            recurrent_initializer=tf.keras.initializers.Orthogonal(
                seed=seeds.derive_seed(self._seed, f"{name}/recurrent_kernel")
            ),
            return_sequences=True,
            name=name,
        )
        # `last_state` may be asked for before `call`, which is what would make the weights.
        with tf.name_scope(name):
            layer.build(tf.TensorShape([None, None, self._width]))
        return layer

    def call(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, length + 1, width]` float32, the states after each position; reads no time."""
        self._require_width(embeddings)
        packed = packing.pack(embeddings, present)
        return packed.states(self._outputs(packed, training))

    def last_state(
        self,
        embeddings: tf.Tensor,
        present: tf.Tensor,
        timestamps: tf.Tensor | None = None,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Returns `[num_rows, width]` float32, the state after all positions."""
        self._require_width(embeddings)
        packed = packing.pack(embeddings, present)
        return packed.last_state(self._outputs(packed, training))

    def _outputs(self, packed: packing.PackedHistory, training: bool | None) -> tf.Tensor:
        # The loop over the steps needs one; behind what is present it changes nothing.
        no_steps = tf.cast(tf.equal(tf.shape(packed.embeddings)[1], 0), tf.int32)
        hidden = tf.pad(packed.embeddings, [[0, 0], [0, no_steps], [0, 0]])
        for layer, dropout in zip(self._layers, self._dropouts, strict=True):
            hidden = layer(dropout(hidden, training=training))
        return hidden

    def get_config(self) -> dict:
        """Returns the arguments that make an equal encoder."""
        return {
            **super().get_config(),
            "num_layers": len(self._layers),
            "dropout": self._dropout_rate,
            "seed": self._seed,
        }
