"""Candidates of past batches, kept as further negatives."""

import os

import tensorflow as tf

_BYTES_OF_COUNTERS = 16


class CandidateBankError(ValueError):
    """A bank that cannot be: its size is out of range, or beyond the memory it may take."""


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class CandidateBank(tf.keras.layers.Layer):
    """Keeps the embeddings of the last `capacity` candidates, first in, first out.

    Encoders change little from step to step once they are warm, so a candidate encoded
    a few steps ago is nearly the one that would be encoded now, and serves as a negative
    at no cost of encoding (Wang et al., SIGIR 2021). No gradient flows into it. During
    warm-up the bank fills but answers with nothing.

    Memory: `capacity * (4 * embedding_dim + 12) + 16` bytes, and while a step reads it
    a copy of the filled part beside it. All of it is in checkpoints. Replicas that
    push the same columns hold the same bank, bit for bit: push the global batch.

    Args:
      capacity: candidates kept, >= 1.
      embedding_dim: width of an embedding, >= 1.
      warm_up_steps: pushes before the bank answers, >= 0.
      memory_budget_bytes: what the bank may take; `None` is the machine's whole memory.

    Raises:
      CandidateBankError: if a number is out of its range, or the bank is larger than the budget.
    """

    def __init__(
        self,
        capacity: int,
        embedding_dim: int,
        warm_up_steps: int = 0,
        memory_budget_bytes: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value, least in (
            ("capacity", capacity, 1),
            ("embedding_dim", embedding_dim, 1),
            ("warm_up_steps", warm_up_steps, 0),
        ):
            if value < least:
                raise CandidateBankError(f"{name} of a candidate bank must be >= {least}, but is {value}.")
        self._config = {"capacity": capacity, "embedding_dim": embedding_dim, "warm_up_steps": warm_up_steps}
        self._config["memory_budget_bytes"] = memory_budget_bytes
        self._capacity = capacity
        self._embedding_dim = embedding_dim
        self._warm_up_steps = warm_up_steps
        self._check_memory(_machine_memory_bytes() if memory_budget_bytes is None else memory_budget_bytes)
        self._embeddings = self._state("embeddings", (capacity, embedding_dim), tf.float32)
        self._keys = self._state("keys", (capacity,), tf.int64)
        self._probability = self._state("probability", (capacity,), tf.float32)
        self._num_candidates = self._state("num_candidates", (), tf.int64)
        self._num_pushes = self._state("num_pushes", (), tf.int64)

    @property
    def capacity(self) -> int:
        """Candidates kept."""
        return self._capacity

    @property
    def num_bytes(self) -> int:
        """What the state takes in memory and in a checkpoint."""
        return self._capacity * (4 * self._embedding_dim + 8 + 4) + _BYTES_OF_COUNTERS

    def num_columns(self) -> tf.Tensor:
        """Returns how many candidates `columns` answers with now, a scalar int64."""
        filled = tf.minimum(self._num_candidates, self._capacity)
        return tf.where(self._num_pushes >= self._warm_up_steps, filled, tf.zeros_like(filled))

    def columns(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns what the bank holds; nothing before `warm_up_steps` pushes.

        Returns:
          `[n, embedding_dim]` float32 embeddings without gradient, `[n]` int64 keys and
          `[n]` float32 probabilities of a draw as they were pushed, in an order that is
          the same for all three and is not that of their age.
        """
        n = self.num_columns()
        return tf.stop_gradient(self._embeddings[:n]), self._keys[:n], tf.stop_gradient(self._probability[:n])

    def push(self, embeddings: tf.Tensor, keys: tf.Tensor, probability: tf.Tensor) -> None:
        """Takes in a step's candidates, the last row as the newest, and drops the oldest beyond capacity.

        Args:
          embeddings: `[batch_size, embedding_dim]`; of more than `capacity` the last are kept.
          keys: `[batch_size]` int64, equal for equal ids.
          probability: `[batch_size]`, of a draw from the stream being this candidate.

        Raises:
          CandidateBankError: if the embeddings have another width, or the three are known to differ in length.
        """
        embeddings, probability = tf.cast(embeddings, tf.float32), tf.cast(probability, tf.float32)
        self._check_shapes(embeddings.shape, tf.convert_to_tensor(keys).shape, probability.shape)
        size = tf.shape(embeddings, out_type=tf.int64)[0]
        kept = tf.minimum(size, self._capacity)
        self._num_candidates.assign_add(size)
        slots = (self._num_candidates - kept + tf.range(kept)) % self._capacity
        for variable, values in (
            (self._embeddings, embeddings),
            (self._keys, keys),
            (self._probability, probability),
        ):
            variable.scatter_update(tf.IndexedSlices(values[size - kept :], slots))
        self._num_pushes.assign_add(1)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer, without its state."""
        return {**super().get_config(), **self._config}

    def _check_shapes(self, embeddings: tf.TensorShape, keys: tf.TensorShape, probability: tf.TensorShape) -> None:
        if not embeddings.is_compatible_with([None, self._embedding_dim]):
            raise CandidateBankError(
                f"The bank holds embeddings of width {self._embedding_dim}, but those pushed have the shape "
                f"{embeddings}; build the bank with the candidate tower's embedding_dim."
            )
        if not (keys.is_compatible_with(embeddings[:1]) and probability.is_compatible_with(embeddings[:1])):
            raise CandidateBankError(
                "Each embedding that is pushed into the bank needs one key and one probability, but the shapes are "
                f"{embeddings}, {keys} and {probability}; push the three of one batch."
            )

    def _check_memory(self, budget: int) -> None:
        if self.num_bytes > budget:
            raise CandidateBankError(
                f"A bank of {self._capacity:,} candidates of width {self._embedding_dim} takes {self.num_bytes:,} "
                f"bytes, but may take {budget:,}; lower its capacity, or give it more memory."
            )

    def _state(self, name: str, shape: tuple[int, ...], dtype: tf.DType) -> tf.Variable:
        # Replicas change equal copies alike, so nothing has to be aggregated; a policy of mixed precision must not
        # read the state in another precision.
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False, experimental_autocast=False
        )


def _machine_memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
