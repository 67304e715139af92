"""Decayed counts on three time scales, read through a significance gate: the default estimator."""

import numpy as np
import tensorflow as tf

from tfrs_model.frequency import estimator, half_width_float

# Counts are kept in units of a weight that grows; beyond this both are divided by it, exactly.
_RENORMALISE_AT_OCTAVES = 16


@tf.keras.utils.register_keras_serializable(package="tfrs_model")
class MultiscaleEstimator(estimator.FrequencyEstimator):
    """Counts draws with exponential decay, slowly and fast, and believes the fast ones when they must be right.

    *Counts, not gaps.* With weights (1 - 1/W)^age, sum(weight * copies) /
    sum(weight * draws) has the sampling probability q as its mean, exactly and at
    every step: there is no initial value to forget, repeats inside a batch are
    counted, and an id that stopped coming fades by itself. In steady state its
    relative noise is sqrt(1 / (2 W lambda)), lambda the expected copies a batch;
    the paper's gap has sqrt(1 / (2 W)) per *hit*, since it throws copies away.

    *Growing weights.* A draw at step t weighs (1 - 1/W)^-t, so nothing stored ever
    decays and a step touches only the buckets of its batch. Every 11 W steps all
    is divided by 2^16, which is exact.

    *Conservative update* (Estan and Varghese, SIGCOMM 2002). Of an id's buckets only
    those rise that must:

        bucket <- max(bucket, min over the id's buckets + weight * copies)

    By induction every bucket is at least the decayed count of each id in it, so the
    smallest is the best bound. A maximum is exact and has no order: the state is a
    function of the batches as multisets, on one replica or many, bit for bit.

    *Three windows.* A slow one is precise, a fast one follows. From slow to fast the
    estimate e moves towards the next window's q_k by a gate:

        d = q_k - e
        z2 = d^2 / (variance of the difference + (tolerance * level)^2)
        e <- e + d * (1 + W_k / (W_(k-1) - W_k)) * z2^3 / (z2^3 + gate^3)

    Without a change, z2 has mean 1 whatever the id's frequency (Poisson draws, nested
    windows: q * (C_kk + C_jj - 2 C_jk) with C_kl = sum of products of weights over the
    product of their sums), so one gate serves head and tail. A rise is reduced by one
    draw, 1 / D_k, before it is judged: an id is read just after its own hit, which is
    no evidence. Since a window trails a trend by its length, a move is lengthened to
    the straight line through both windows. The tolerance stands for the rounding of
    the two fast windows and for clumped arrivals.

    *Never-seen ids* read as half a draw in the whole memory: rare, and finite as a log.

    Memory: 8 bytes a bucket (float32 for the slow window, whose counts grow long; 16
    bits for the others) and 128 bytes. The defaults were chosen on ten simulated
    streams; `python -m benchmarks.frequency` compares them with the paper's estimator.

    Args:
      num_buckets: of each hash; two or more buckets per id, all hashes together, with
        four hashes; two hashes serve a fuller table better.
      num_hashes: rows of buckets.
      windows: steps, falling, the last >= 2.
      gate: value of z2 at which a move is half made.
      tolerance: relative difference that is never evidence.
    """

    def __init__(
        self,
        num_buckets: int,
        num_hashes: int,
        windows: tuple[int, ...] = (65536, 1024, 256),
        gate: float = 5.0,
        tolerance: float = 0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if sorted(set(windows), reverse=True) != list(windows) or windows[-1] < 2:
            raise ValueError(f"windows of the frequency must fall and be >= 2, but are {windows}.")
        if not (gate > 0.0 and tolerance > 0.0):
            raise ValueError(f"gate and tolerance of the frequency must be > 0, but are {gate} and {tolerance}.")
        self._windows = tuple(windows)
        self._gate = gate
        self._tolerance = tolerance
        size, num_windows = (num_hashes * num_buckets,), len(windows)
        self._step = self._state("step", (), tf.int64)
        self._weight = self._state("weight", (num_windows,), tf.float64, "ones")
        # In units of the counts: the weights of all draws, and the products of two windows' weights of all draws.
        self._draws = self._state("draws", (num_windows,), tf.float64)
        self._products = self._state("products", (num_windows, num_windows), tf.float64)
        empty = tf.keras.initializers.Constant(half_width_float.STORED_ZERO)
        self._counts = [self._state(f"counts_{windows[0]}", size, tf.float32)]
        self._counts += [self._state(f"counts_{window}", size, tf.float16, empty) for window in windows[1:]]

    def count(self, keys: tf.Tensor, buckets: tf.Tensor, copies: tf.Tensor) -> None:
        """Takes in one batch."""
        num_draws = tf.cast(tf.reduce_sum(copies), tf.float64)
        step = self._step.assign_add(tf.cast(num_draws > 0.0, tf.int64))
        growth = tf.constant(1.0 / (1.0 - 1.0 / np.array(self._windows, np.float64)))
        self._weight.assign(self._weight * tf.where(num_draws > 0.0, growth, 1.0))
        for k in range(len(self._windows)):
            is_due = self._weight[k] >= 2.0**_RENORMALISE_AT_OCTAVES
            tf.cond(is_due, lambda k=k: self._renormalise(k), lambda: tf.constant(False))
        # A float32 times a number of copies is exact in float64, so fusing it with a sum changes nothing.
        weight = self._rounded_weight()
        self._draws.assign_add(weight * num_draws)
        pairs = tf.cast(weight[:, tf.newaxis] * weight[tf.newaxis, :], tf.float32)
        self._products.assign_add(tf.cast(pairs, tf.float64) * num_draws)
        flat = tf.reshape(buckets, [-1])
        for k, counts in enumerate(self._counts):
            added = weight[k] * tf.cast(copies, tf.float64)
            raised = tf.cast(tf.cast(self._smallest(k, buckets), tf.float64) + added, tf.float32)
            if k:
                codes = half_width_float.encode(raised, _dither(keys, step * len(self._windows) + k))
                raised = half_width_float.store(codes)
            rows = tf.reshape(tf.broadcast_to(raised, tf.shape(buckets)), [-1])
            counts.scatter_max(tf.IndexedSlices(rows, flat))

    def expected_count(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns the probability of a draw times the mean draws of a batch in the fastest window."""
        steps = self._windows[-1] * (1.0 - (1.0 - 1.0 / self._windows[-1]) ** tf.cast(self._step, tf.float64))
        draws_per_batch = tf.math.divide_no_nan(self._draws[-1] / self._rounded_weight()[-1], steps)
        return tf.cast(self._probability(buckets) * tf.maximum(draws_per_batch, 1.0), tf.float32)

    def sampling_probability(self, buckets: tf.Tensor) -> tf.Tensor:
        """Returns the probability of a draw, in (0, 1]."""
        return tf.cast(self._probability(buckets), tf.float32)

    def used_buckets(self) -> tf.Tensor:
        """Returns which buckets hold half a draw or more in the slowest window; the others read as never seen."""
        return tf.cast(self._counts[0], tf.float64) >= 0.5 * self._rounded_weight()[0]

    def _probability(self, buckets: tf.Tensor) -> tf.Tensor:
        draws, one_draw = tf.maximum(self._draws, 1.0), self._rounded_weight()
        rates = [tf.cast(self._smallest(k, buckets), tf.float64) / draws[k] for k in range(len(self._windows))]
        covariance = self._products / (draws[:, tf.newaxis] * draws[tf.newaxis, :])
        estimate = rates[0]
        for k in range(1, len(rates)):
            noise = covariance[k, k] + covariance[k - 1, k - 1] - 2.0 * covariance[k, k - 1]
            lag = self._windows[k] / (self._windows[k - 1] - self._windows[k])
            change = rates[k] - estimate
            share = self._share(change, tf.maximum(rates[k], estimate), noise, one_draw[k] / draws[k])
            estimate = tf.maximum(estimate + share * (1.0 + lag) * change, 0.0)
        return tf.clip_by_value(estimate, 0.5 * one_draw[0] / (one_draw[0] + self._draws[0]), 1.0)

    def _share(self, change: tf.Tensor, level: tf.Tensor, noise: tf.Tensor, one_draw: tf.Tensor) -> tf.Tensor:
        """Returns how far an estimate of this level moves by this change, in [0, 1)."""
        evidence = tf.where(change > 0.0, tf.maximum(change - one_draw, 0.0), change)
        variance = level * noise + (self._tolerance * level) ** 2
        # At most 1 / tolerance^2, since a change is never above its level.
        z2 = tf.math.divide_no_nan(evidence**2, variance)
        return z2**3 / (z2**3 + self._gate**3)

    def _smallest(self, k: int, buckets: tf.Tensor) -> tf.Tensor:
        """Returns `[num_ids]` float32: the smallest count of window k among each id's buckets."""
        counts = tf.gather(self._counts[k], buckets)
        if k == 0:
            return tf.reduce_min(counts, axis=0)
        return half_width_float.decode(tf.reduce_min(half_width_float.load(counts), axis=0))

    def _rounded_weight(self) -> tf.Tensor:
        """Returns `[num_windows]` float64 of float32 precision: what a draw of this step adds to a count."""
        return tf.cast(tf.cast(self._weight, tf.float32), tf.float64)

    def _renormalise(self, k: int) -> tf.Tensor:
        factor = 2.0**-_RENORMALISE_AT_OCTAVES
        one_window = tf.one_hot(k, len(self._windows), on_value=factor, off_value=1.0, dtype=tf.float64)
        self._weight.assign(self._weight * one_window)
        self._draws.assign(self._draws * one_window)
        self._products.assign(self._products * one_window[:, tf.newaxis] * one_window[tf.newaxis, :])
        if k == 0:
            self._counts[0].assign(self._counts[0] * factor)
            return tf.constant(True)
        octaves = _RENORMALISE_AT_OCTAVES * half_width_float.ONE_OCTAVE
        codes = tf.maximum(half_width_float.load(self._counts[k]) - octaves, 0)
        self._counts[k].assign(half_width_float.store(codes))
        return tf.constant(True)


def _dither(keys: tf.Tensor, salt: tf.Tensor) -> tf.Tensor:
    """Returns `[num_ids]` int32, uniform over the dither's range, a function of key and salt alone."""
    mixed = _mix32(tf.bitwise.bitwise_xor(_mix32(salt), keys))
    return tf.cast(tf.bitwise.bitwise_and(mixed, half_width_float.DITHER_RANGE - 1), tf.int32)


def _mix32(x: tf.Tensor) -> tf.Tensor:
    """Mixes the low 32 bits of int64 values (the lowbias32 constants of Wellons, 2018)."""
    low = tf.constant(0xFFFFFFFF, tf.int64)
    x = tf.bitwise.bitwise_and(x, low)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.int64)))
        x = tf.bitwise.bitwise_and(x * factor, low)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(16, tf.int64)))
