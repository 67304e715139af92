"""One layer of the transformer: attention and a gated feed-forward network, each added to what came in."""

import tensorflow as tf

from tfrs_model import dropout as dropout_lib
from tfrs_model import seeds

_EPSILON = 1e-6


class AttentionBlock(tf.keras.layers.Layer):
    """Adds to each vector what it reads from others, then what it makes of that by itself.

        x' = x  + [softmax(q k^T / sqrt(width / num_heads) + bias) v] O    with q, k, v = norm(x) (Q, K, V)
        y  = x' + [silu(norm(x') G) * (norm(x') U)] D

    Norms before each branch (Xiong et al., ICML 2020) are root mean squares with a learned gain
    (Zhang and Sennrich, NeurIPS 2019); the second branch is SwiGLU (Shazeer, 2020), no product has an offset.
    A weight starts normal with deviation 1 / sqrt(inputs), in O and D divided by sqrt(2 num_blocks),
    so that the sum of all branches starts as long as one (Radford et al., 2019).

    Args:
      width: of the vectors.
      num_heads: of attention, a divisor of the width.
      num_blocks: blocks on top of each other, this one included.
      dropout: rate on what each branch adds.
      seed: of the first weights and of dropout.
      name: of the block; tells its draws from those of others.
    """

    def __init__(self, width: int, num_heads: int, num_blocks: int, dropout: float, seed: int, *, name: str, **kwargs):
        super().__init__(name=name, **kwargs)
        self._num_heads = num_heads
        self._width = width
        self._seed = seed
        # As many weights as two matrices of four times the width.
        hidden = num_hidden(width)
        shrink = (2 * num_blocks) ** -0.5
        self._attention_gain = self._gain("attention_gain")
        self._query_kernel = self._kernel("query_kernel", width, width)
        self._key_value_kernel = self._kernel("key_value_kernel", width, 2 * width)
        self._attention_kernel = self._kernel("attention_kernel", width, width, shrink)
        self._hidden_gain = self._gain("hidden_gain")
        self._gate_and_up_kernel = self._kernel("gate_and_up_kernel", width, 2 * hidden)
        self._down_kernel = self._kernel("down_kernel", hidden, width, shrink)
        self._attention_dropout = dropout_lib.StatelessDropout(dropout, seed, name=f"{name}_attention_dropout")
        self._hidden_dropout = dropout_lib.StatelessDropout(dropout, seed, name=f"{name}_hidden_dropout")

    def call(
        self, vectors: tf.Tensor, bias: tf.Tensor, queries: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Returns the vectors of the next block.

        Args:
          vectors: `[num_rows, length, width]` float32, what is read.
          bias: `[num_heads, num_rows or 1, num_queries, length]` float32, added to the logits.
          queries: `[num_rows, num_queries, width]`, those that read; `None` for all of `vectors`.
          training: whether dropout draws.

        Returns:
          `[num_rows, num_queries, width]` float32.
        """
        normed = rms_norm(vectors, self._attention_gain)
        reading = normed if queries is None else rms_norm(queries, self._attention_gain)
        attended = self._attend(reading, normed, bias)
        result = vectors if queries is None else queries
        result += self._attention_dropout(attended, training=training)
        return result + self._hidden_dropout(self._transform(result), training=training)

    def _attend(self, reading: tf.Tensor, read: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        scale = (self._width // self._num_heads) ** -0.5
        queries = self._split(tf.tensordot(reading, scale * self._query_kernel, 1))
        keys, values = tf.split(tf.tensordot(read, self._key_value_kernel, 1), 2, axis=2)
        weights = tf.nn.softmax(tf.matmul(queries, self._split(keys), transpose_b=True) + bias)
        heads = tf.transpose(tf.matmul(weights, self._split(values)), [1, 2, 0, 3])
        shape = tf.shape(reading)
        return tf.tensordot(tf.reshape(heads, [shape[0], shape[1], self._width]), self._attention_kernel, 1)

    def _split(self, vectors: tf.Tensor) -> tf.Tensor:
        """Returns `[num_heads, num_rows, length, width / num_heads]`."""
        shape = tf.shape(vectors)
        heads = tf.reshape(vectors, [shape[0], shape[1], self._num_heads, self._width // self._num_heads])
        return tf.transpose(heads, [2, 0, 1, 3])

    def _transform(self, vectors: tf.Tensor) -> tf.Tensor:
        normed = rms_norm(vectors, self._hidden_gain)
        gate, up = tf.split(tf.tensordot(normed, self._gate_and_up_kernel, 1), 2, axis=2)
        return tf.tensordot(tf.nn.silu(gate) * up, self._down_kernel, 1)

    def _gain(self, name: str) -> tf.Variable:
        return self.add_weight(name=f"{self.name}/{name}", shape=(self._width,), initializer="ones")

    def _kernel(self, name: str, num_inputs: int, num_outputs: int, factor: float = 1.0) -> tf.Variable:
        full_name = f"{self.name}/{name}"
        initializer = tf.keras.initializers.RandomNormal(
            stddev=factor * num_inputs**-0.5, seed=seeds.derive_seed(self._seed, full_name)
        )
        return self.add_weight(name=full_name, shape=(num_inputs, num_outputs), initializer=initializer)


def num_hidden(width: int) -> int:
    """Returns the width of the gated network: 8/3 of the block's, up to a multiple of 8, so that its three matrices
    hold as much as the two of a network four times as wide (Shazeer, 2020).
    """
    return -(-8 * width // 3 // 8) * 8


def rms_norm(vectors: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Returns `gain * x / sqrt(mean(x^2) + 1e-6)`; (3, 4) becomes (.849, 1.131) with gains of 1, zero stays zero."""
    return vectors * tf.math.rsqrt(tf.reduce_mean(tf.square(vectors), axis=-1, keepdims=True) + _EPSILON) * gain
