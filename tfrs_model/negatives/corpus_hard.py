"""Negatives drawn from the whole corpus, the more probable the higher they score."""

import dataclasses
import math

import tensorflow as tf

from tfrs_model import replicas, seeds
from tfrs_model.negatives import spherical_k_means

# 2**22 float32 scores are 16 MB.
_MAX_SCORES_PER_BLOCK = 1 << 22
_NEVER = -1
# Scoring this many means costs no more than scoring a batch of as many against itself, and the finer the clusters the
# nearer the softmax: a corpus of no more is not clustered at all.
_LEAST_CLUSTERS = 1024


@dataclasses.dataclass(frozen=True)
class CandidatePool:
    """One step's distribution over the corpus: a cluster is drawn, then one of its members uniformly.

    Attributes:
      cluster_probability: `[num_clusters]` float32, 0 for an empty cluster.
      cluster: `[num_candidates]` int64, the cluster of each row.
      members: `[num_candidates]` int64, the rows of cluster 0, then of cluster 1 and so on.
      offsets: `[num_clusters + 1]` int64, where each cluster begins in `members`.
      num_negatives: draws of a step.
      streams: seeds of the draws of clusters and of members.
    """

    cluster_probability: tf.Tensor
    cluster: tf.Tensor
    members: tf.Tensor
    offsets: tf.Tensor
    num_negatives: int
    streams: tuple[int, int]

    def draw(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns `[num_negatives]` int64 rows, with replacement, a function of (seed, step) and the distribution."""
        step = tf.cast(step, tf.int64)
        logits = tf.math.log(self.cluster_probability)[tf.newaxis, :]
        of_clusters, of_members = (tf.stack([tf.constant(stream, tf.int64), step]) for stream in self.streams)
        drawn = tf.random.stateless_categorical(logits, self.num_negatives, seed=of_clusters, dtype=tf.int64)[0]
        begin, size = tf.gather(self.offsets, drawn), self._size_of(drawn)
        # The remainder of 64 random bits is uniform up to size / 2**64.
        bits = tf.random.stateless_uniform([self.num_negatives], of_members, minval=None, maxval=None, dtype=tf.int64)
        return tf.gather(self.members, begin + tf.math.floormod(bits, size))

    def probability(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns `[n]` float32: the probability that one draw is the row; 0 for row -1, no candidate of the corpus."""
        cluster = tf.gather(self.cluster, tf.maximum(rows, 0))
        of_member = tf.gather(self.cluster_probability, cluster) / tf.cast(self._size_of(cluster), tf.float32)
        return tf.where(rows >= 0, of_member, 0.0)

    def _size_of(self, cluster: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.offsets, cluster + 1) - tf.gather(self.offsets, cluster)


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class CorpusHardNegatives(tf.keras.layers.Layer):
    """Draws candidates that score high against the batch, from a distribution that is known exactly.

    The bias of a sampled softmax grows with the distance between the distribution it
    draws from and the softmax itself (Blanc and Rendle, ICML 2018). The softmax is
    approached by quantising the candidates (the idea of the inverted multi-index of
    Lian et al., WWW 2020, and Chen et al., "MIDX", with one codebook): candidates are
    clustered, a cluster is drawn by what its mean scores, a member uniformly:

        P(cluster k | query i)  ~  size_k^a exp(<query_i, mean_k> / t)
        h_j = mean over i of P(cluster(j) | i) / size of cluster(j)

    With a = 1 and clusters of one candidate each this is the softmax at temperature t,
    averaged over the batch. Because h_j is known for every candidate, drawn or not, it
    enters the logQ correction: `num_negatives * h_j` copies of j are expected. The mean
    is over the queries of all replicas, so all draw the same rows.

    The clusters are of the embeddings at the last `refresh` and age until the next; h
    is the distribution of the draws all the same. Before the first it is uniform.

    State, all of it in checkpoints: `16 * num_candidates` bytes and the means. A
    refresh costs about `(1 + 64 * num_iterations * num_clusters / num_candidates) *
    num_candidates * num_clusters * embedding_dim` multiplications.

    Args:
      num_candidates: of the corpus, >= 1.
      embedding_dim: width of the embeddings, >= 1.
      num_negatives: draws of a step, shared by all its queries, >= 1.
      temperature: t, > 0; that of the scores, or higher for a flatter distribution.
      refresh_every: steps after which the clusters are due to be made anew, >= 1.
      size_exponent: a, >= 0; at 0 small clusters are drawn as often as large ones.
      num_clusters: in [1, num_candidates]; at `num_candidates` each is its own cluster. `None`
        is the root of `num_candidates`, but 1024 where that is less, as far as there are so many.
      num_iterations: of the clustering, >= 0.
      seed: any integer.

    Raises:
      ValueError: if an argument is out of its range.
    """

    def __init__(
        self,
        num_candidates: int,
        embedding_dim: int,
        num_negatives: int,
        temperature: float,
        refresh_every: int,
        size_exponent: float = 1.0,
        num_clusters: int | None = None,
        num_iterations: int = 10,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_clusters is None:
            num_clusters = min(num_candidates, max(_LEAST_CLUSTERS, round(math.sqrt(num_candidates))))
        self._config = {
            "num_candidates": num_candidates,
            "embedding_dim": embedding_dim,
            "num_negatives": num_negatives,
            "temperature": temperature,
            "refresh_every": refresh_every,
            "size_exponent": size_exponent,
            "num_clusters": num_clusters,
            "num_iterations": num_iterations,
            "seed": seed,
        }
        _check_ranges(self._config)
        self._num_candidates = num_candidates
        self._num_clusters = num_clusters
        self._num_negatives = num_negatives
        self._temperature = temperature
        self._refresh_every = refresh_every
        self._size_exponent = size_exponent
        self._num_iterations = num_iterations
        self._seed = seed
        # At first all candidates are in cluster 0, which makes the draws uniform.
        self._cluster = self._state("cluster", [num_candidates], tf.int64, tf.zeros)
        self._members = self._state("members", [num_candidates], tf.int64, _counting_up)
        self._offsets = self._state("offsets", [num_clusters + 1], tf.int64, self._all_in_the_first)
        self._means = self._state("means", [num_clusters, embedding_dim], tf.float32, tf.zeros)
        self._last_refresh = self._state("last_refresh", [], tf.int64, tf.keras.initializers.Constant(_NEVER))

    @property
    def num_negatives(self) -> int:
        """Draws of a step."""
        return self._num_negatives

    @property
    def embedding_dim(self) -> int:
        """Width of the embeddings."""
        return self._means.shape[1]

    def needs_refresh(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns whether there was no refresh yet, or the last is `refresh_every` steps ago; a scalar bool."""
        age = tf.cast(step, tf.int64) - self._last_refresh
        return tf.logical_or(self._last_refresh < 0, age >= self._refresh_every)

    def refresh(self, candidate_embeddings: tf.Tensor, step: tf.Tensor | int) -> None:
        """Clusters the corpus anew, by (seed, step) and the embeddings alone.

        Args:
          candidate_embeddings: `[num_candidates, embedding_dim]`, row by row the corpus.
          step: number of the training step that comes next, >= 0.

        Raises:
          ValueError: if the embeddings have another shape.
          tf.errors.InvalidArgumentError: if one is not finite.
        """
        embeddings = tf.cast(candidate_embeddings, tf.float32)
        expected = [self._num_candidates, self._means.shape[1]]
        if embeddings.shape.as_list() != expected:
            raise ValueError(
                f"A refresh needs the embedding of every candidate, {expected}, but got the shape {embeddings.shape}."
            )
        message = "Corpus-hard negatives need finite candidate embeddings; the model has diverged, or they are not its."
        embeddings = tf.debugging.assert_all_finite(embeddings, message)
        step = tf.cast(step, tf.int64)
        seed = tf.stack([tf.constant(seeds.derive_seed(self._seed, "negatives/hard/clusters"), tf.int64), step])
        if self._num_clusters == self._num_candidates:
            cluster = tf.range(self._num_candidates, dtype=tf.int64)
        else:
            cluster = spherical_k_means.cluster(embeddings, self._num_clusters, self._num_iterations, seed)
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(cluster), cluster, self._num_clusters)
        self._cluster.assign(cluster)
        self._members.assign(tf.cast(tf.argsort(cluster, stable=True), tf.int64))
        self._offsets.assign(tf.concat([[0], tf.cumsum(sizes)], axis=0))
        self._means.assign(tf.math.unsorted_segment_mean(embeddings, cluster, self._num_clusters))
        self._last_refresh.assign(step)

    def pool(self, query_embeddings: tf.Tensor) -> CandidatePool:
        """Returns the distribution that a batch draws from; use one for both its draws and their probabilities.

        Args:
          query_embeddings: `[num_queries, embedding_dim]` of this replica; at least one in all.
        """
        return CandidatePool(
            self._cluster_probability(tf.stop_gradient(tf.cast(query_embeddings, tf.float32))),
            tf.convert_to_tensor(self._cluster),
            tf.convert_to_tensor(self._members),
            tf.convert_to_tensor(self._offsets),
            self._num_negatives,
            tuple(seeds.derive_seed(self._seed, f"negatives/hard/{drawn}") for drawn in ("cluster", "member")),
        )

    def draw(self, query_embeddings: tf.Tensor, step: tf.Tensor | int) -> tf.Tensor:
        """Returns `[num_negatives]` int64 rows for these queries; `pool` when their probability is wanted too."""
        return self.pool(query_embeddings).draw(step)

    def probability(self, rows: tf.Tensor, query_embeddings: tf.Tensor) -> tf.Tensor:
        """Returns `[n]` float32, the probability that a draw for these queries is the row; 0 for row -1."""
        return self.pool(query_embeddings).probability(rows)

    def get_config(self) -> dict:
        """Returns the arguments that make an equal layer, without its state."""
        return {**super().get_config(), **self._config}

    def _cluster_probability(self, queries: tf.Tensor) -> tf.Tensor:
        """Returns `[num_clusters]` float32, the mean over the queries of all replicas, block after block."""
        sizes = tf.cast(self._offsets[1:] - self._offsets[:-1], tf.float32)
        log_weight = tf.where(sizes > 0.0, self._size_exponent * tf.math.log(sizes), -math.inf)
        means, num_queries = tf.convert_to_tensor(self._means), tf.shape(queries)[0]
        block_size = max(1, _MAX_SCORES_PER_BLOCK // self._num_clusters)

        def add_block(begin: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scores = tf.matmul(queries[begin : begin + block_size], means, transpose_b=True) / self._temperature
            return begin + block_size, total + tf.reduce_sum(tf.nn.softmax(scores + log_weight, axis=1), axis=0)

        _, total = tf.while_loop(
            lambda begin, total: begin < num_queries, add_block, [0, tf.zeros([self._num_clusters])]
        )
        total = replicas.sum_over_replicas(total)
        # Each query's probabilities sum to 1, so the sum of all is the number of queries.
        return total / tf.reduce_sum(total)

    def _state(self, name, shape, dtype, initializer) -> tf.Variable:
        # Replicas hold equal copies and change them alike, so nothing has to be aggregated.
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer=initializer, trainable=False, experimental_autocast=False
        )

    def _all_in_the_first(self, shape, dtype) -> tf.Tensor:
        return tf.concat([tf.zeros([1], dtype), tf.fill([shape[0] - 1], tf.cast(self._num_candidates, dtype))], axis=0)


def _counting_up(shape, dtype) -> tf.Tensor:
    return tf.range(shape[0], dtype=dtype)


def _check_ranges(config: dict) -> None:
    positive = ("num_candidates", "embedding_dim", "num_negatives", "refresh_every")
    rules = [(name, config[name] >= 1, ">= 1") for name in positive]
    rules += [
        ("temperature", 0.0 < config["temperature"] < math.inf, "> 0 and finite"),
        ("size_exponent", 0.0 <= config["size_exponent"] < math.inf, ">= 0 and finite"),
        ("num_clusters", 1 <= config["num_clusters"] <= config["num_candidates"], "in [1, num_candidates]"),
        ("num_iterations", config["num_iterations"] >= 0, ">= 0"),
    ]
    for name, allowed, rule in rules:
        if not allowed:
            raise ValueError(f"{name} of corpus-hard negatives must be {rule}, but is {config[name]}.")
