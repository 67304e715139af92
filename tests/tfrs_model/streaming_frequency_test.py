import collections
import hashlib

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import streaming_frequency

_MASK = 2**64 - 1


def _sip_hash(low: int, high: int, data: bytes) -> int:
    """SipHash-2-4 of Aumasson and Bernstein, INDOCRYPT 2012."""
    words = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [word ^ key for word, key in zip(words, (low, high, low, high), strict=True)]

    def rotate(x, bits):
        return ((x << bits) | (x >> (64 - bits))) & _MASK

    def rounds(count):
        for _ in range(count):
            for a, b, c, d, first, second in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = (v[a] + v[b]) & _MASK
                v[c] = (v[c] + v[d]) & _MASK
                v[b] = rotate(v[b], first) ^ v[a]
                v[d] = rotate(v[d], second) ^ v[c]
                v[a] = rotate(v[a], 32)

    padded = data + bytes((7 - len(data)) % 8) + bytes([len(data) % 256])
    for begin in range(0, len(padded), 8):
        word = int.from_bytes(padded[begin : begin + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


class _Loop:
    """The estimate in plain Python: one dictionary per array, one pass per batch."""

    def __init__(self, num_buckets, num_hashes, rate, seed):
        self.size, self.rate, self.steps = num_buckets, rate, 0
        self.keys = [[self._key(seed, i, part) for part in ("low", "high")] for i in range(num_hashes)]
        self.last, self.hits = collections.Counter(), collections.Counter()
        self.gap, self.copies = collections.Counter(), collections.Counter()

    @staticmethod
    def _key(seed, i, part):
        return int(hashlib.sha256(f"{seed}/frequency/{i}/{part}".encode()).hexdigest()[:8], 16) // 2

    def buckets(self, each):
        return [(i, _sip_hash(*key, each.encode()) % self.size) for i, key in enumerate(self.keys)]

    def count(self, ids):
        self.steps += 1
        for bucket, copies in collections.Counter(b for each in ids for b in self.buckets(each)).items():
            self.hits[bucket] += 1
            rate = max(self.rate, 1 / self.hits[bucket])
            self.gap[bucket] += rate * (self.steps - self.last[bucket] - self.gap[bucket])
            self.copies[bucket] += rate * (copies - self.copies[bucket])
            self.last[bucket] = self.steps

    def read(self, each):
        return min(self._read(bucket) for bucket in self.buckets(each))

    def _read(self, bucket):
        if not self.hits[bucket]:
            return 1 / (self.steps + 1)
        return self.copies[bucket] / max(self.gap[bucket], (self.steps - self.last[bucket]) / 5, 1.0)


def _layer(num_buckets=1000, **options):
    return streaming_frequency.StreamingFrequency(num_buckets, **options)


def _count(layer, *batches):
    for batch in batches:
        layer(tf.constant(batch, tf.string), training=True)
    return layer


def _read(layer, *ids):
    return layer(tf.constant(ids)).numpy()


def _state(layer):
    return [weight.tobytes() for weight in layer.get_weights()]


def test_sip_hash_of_this_test_gives_the_published_vector():
    # Appendix A of the paper: key 00..0f, message 00..0e.
    low, high = (int.from_bytes(bytes(half), "little") for half in (range(8), range(8, 16)))
    assert _sip_hash(low, high, bytes(range(15))) == 0xA129CA6149BE45E5


def test_duplicates_and_gaps_are_averaged_exactly_while_data_are_few():
    layer = _count(_layer(), ["a", "b"], ["a", "a", "a"], ["b"], [], ["a", "a"])
    # By hand: a came 1 + 3 + 2 times in 5 steps; b once at step 1 and once at step 3, then 2 copies / 3 steps.
    np.testing.assert_allclose(_read(layer, "a", "b"), [6 / 5, 2 / 3], rtol=1e-6)


def test_the_rate_falls_to_the_learning_rate_and_no_further():
    layer = _count(_layer(learning_rate=0.5), ["a"], ["a", "a", "a"], [], [], ["a", "a"])
    # By hand: gaps 1, 1, 3 and copies 1, 3, 2 at rates 1, .5, .5: the mean gap is 1, 1, 2, the mean copies are 1, 2, 2.
    np.testing.assert_allclose(_read(layer, "a"), [1.0], rtol=1e-6)


def test_the_first_gap_is_counted_from_the_start():
    assert _read(_count(_layer(), *[["b"]] * 7, ["a"]), "a") == pytest.approx(1 / 8)


def test_an_id_that_stops_coming_fades_with_a_fifth_of_its_age():
    layer = _count(_layer(), ["a", "b"], ["a"], ["a"], *[["b"]] * 5)
    # By hand: a came every step until step 3. At age 5 its gap is max(1, 5 / 5), at age 15 it is 15 / 5.
    assert _read(layer, "a") == pytest.approx(1.0)
    assert _read(_count(layer, *[["b"]] * 10), "a") == pytest.approx(1 / 3)


def test_an_id_never_seen_is_rare_and_before_any_step_all_are_equal():
    layer = _layer()
    np.testing.assert_array_equal(_read(layer, "a", "b"), [1.0, 1.0])
    _count(layer, *[["b"] * 4] * 9)
    np.testing.assert_allclose(_read(layer, "a", "b"), [0.1, 4.0], rtol=1e-6)


@pytest.mark.parametrize(("num_buckets", "num_hashes", "rate"), [(500, 1, 0.01), (30, 3, 0.2), (7, 2, 1.0)])
def test_random_batches_are_estimated_as_by_a_plain_loop(num_buckets, num_hashes, rate):
    generator = np.random.default_rng(num_buckets)
    layer = _layer(num_buckets, num_hashes=num_hashes, learning_rate=rate, seed=5)
    loop = _Loop(num_buckets, num_hashes, rate, seed=5)
    ids = [f"item-{i}" for i in range(40)]
    for _ in range(40):
        batch = [ids[i] for i in generator.zipf(1.6, size=12) % 35]
        loop.count(batch)
        seen = layer(tf.constant(batch), training=True)
        np.testing.assert_allclose(seen, [loop.read(each) for each in batch], rtol=1e-5)
    np.testing.assert_allclose(_read(layer, *ids), [loop.read(each) for each in ids], rtol=1e-5)


def test_a_collision_only_raises_the_estimate_of_an_id_just_counted():
    generator = np.random.default_rng(1)
    layer, counts = _layer(8), collections.Counter()
    for step in range(1, 60):
        batch = [f"item-{i}" for i in generator.integers(30, size=10)]
        counts.update(batch)
        expected = [counts[each] / step for each in batch]
        assert np.all(_count(layer, batch)(tf.constant(batch)) >= np.array(expected) * (1 - 1e-5))


def test_more_hashes_only_lower_the_estimate():
    generator = np.random.default_rng(2)
    ids = [f"item-{i}" for i in range(30)]
    batches = [[ids[i] for i in generator.integers(30, size=10)] for _ in range(20)]
    one, three = (_count(_layer(10, num_hashes=m), *batches) for m in (1, 3))
    assert np.all(_read(three, *ids) <= _read(one, *ids))
    assert np.any(_read(three, *ids) < 0.9 * _read(one, *ids))


def test_a_planted_stream_is_estimated_within_its_own_noise():
    share = np.array([0.5, 0.3, 0.19, 0.01])
    batch_size, rate = 64, 0.01
    batches = tf.constant(np.random.default_rng(0).choice(4, size=[300, batch_size], p=share))
    layer = _layer(learning_rate=rate)
    step = tf.function(lambda batch: layer(batch, training=True))
    for batch in batches:
        step(batch)
    # The copies of an id in one step are binomial, of relative variance (1 - q) / (B q). The moving mean is over
    # (2 - rate) / rate hits, which take 1 / P(hit) steps each, and P(hit) <= min(1, B q). Five deviations.
    expected = batch_size * share
    deviation = np.sqrt(rate / (2 - rate) * np.minimum((1 - share) / expected, 1.0))
    np.testing.assert_array_less(np.abs(layer(tf.range(4)) / expected - 1.0), 5 * deviation)
    probability = layer.sampling_probability(tf.range(4))
    np.testing.assert_array_less(np.abs(probability / share - 1.0), 5 * deviation)


def test_sampling_probability_is_the_expected_count_over_the_mean_batch_in_0_to_1():
    layer = _count(_layer(), ["a", "a", "a", "b"], ["a", "c"])
    # By hand: a 4 copies in 2 steps, b 1 in its gap of 1, c 1 in its gap of 2, d unseen 1 / 3; the mean batch is 3.
    np.testing.assert_allclose(
        layer.sampling_probability(tf.constant(["a", "b", "c", "d"])), [2 / 3, 1 / 3, 1 / 6, 1 / 9], rtol=1e-6
    )
    fresh = _layer().sampling_probability(tf.constant(["a"]))
    assert 0.0 < float(fresh[0]) <= 1.0
    shrinking = _count(_layer(learning_rate=1.0), ["b"], ["a"] * 9)
    np.testing.assert_allclose(shrinking.sampling_probability(tf.constant(["a"])), [0.9], rtol=1e-6)
    growing = _count(_layer(learning_rate=1.0), [], [], ["a"], ["a", "a"])
    np.testing.assert_array_equal(growing.sampling_probability(tf.constant(["a"])), [1.0])


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_integers_are_counted_as_their_decimal_strings(dtype):
    integers = _layer()
    integers(tf.constant(np.array([7, 7, 12], dtype)), training=True)
    strings = _count(_layer(), ["7", "7", "12"])
    assert _state(integers) == _state(strings)
    np.testing.assert_array_equal(integers(tf.constant(np.array([12, 7], dtype))), [1.0, 2.0])


def test_reading_changes_nothing():
    layer = _count(_layer(), ["a", "a"], ["b"])
    before = _state(layer)
    for training in (False, None):
        layer(tf.constant(["a", "c"]), training=training)
    layer.sampling_probability(tf.constant(["a", "c"]))
    assert _state(layer) == before


def test_a_restored_estimate_continues_exactly(tmp_path):
    generator = np.random.default_rng(3)
    batches = generator.integers(20, size=[12, 8]).astype(str).tolist()
    first = _count(_layer(16), *batches[:6])
    path = tf.train.Checkpoint(frequency=first).save(tmp_path / "checkpoint")
    second = _layer(16)
    tf.train.Checkpoint(frequency=second).restore(path).assert_consumed()
    for batch in batches[6:]:
        np.testing.assert_array_equal(*(each(tf.constant(batch), training=True) for each in (second, first)))
    assert _state(second) == _state(first)


def test_a_graph_counts_as_eager_calls_do():
    eager, in_graph = _layer(16), _layer(16)
    step = tf.function(lambda ids: in_graph(ids, training=True))
    for batch in np.random.default_rng(4).integers(20, size=[12, 8]).astype(str).tolist():
        # One unit in the last place: the graph optimiser may divide in another way.
        np.testing.assert_allclose(step(tf.constant(batch)), eager(tf.constant(batch), training=True), rtol=3e-7)


def test_a_layer_made_from_the_config_counts_into_the_same_buckets_from_the_start():
    layer = _count(_layer(6, num_hashes=3, learning_rate=0.3, seed=9), ["a", "b", "a"], ["c"])
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(layer))
    assert not any(np.any(weight) for weight in copy.get_weights())
    assert _state(_count(copy, ["a", "b", "a"], ["c"])) == _state(layer)


@pytest.mark.parametrize(("ids", "name"), [([0.5], "float32"), ([True], "bool")])
def test_ids_that_are_neither_strings_nor_integers_are_refused(ids, name):
    with pytest.raises(TypeError, match=f"takes ids that are strings or integers, but got {name}"):
        _layer()(tf.constant(ids), training=True)


@pytest.mark.parametrize(("buckets", "hashes"), [(0, 1), (5, 0)])
def test_sizes_below_one_are_refused(buckets, hashes):
    with pytest.raises(ValueError, match=f"num_buckets and num_hashes must be >= 1, but are {buckets} and {hashes}"):
        _layer(buckets, num_hashes=hashes)


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_a_learning_rate_outside_its_range_is_refused(rate):
    with pytest.raises(ValueError, match=rf"learning_rate of the frequency must be in \(0, 1\], but is {rate}"):
        _layer(learning_rate=rate)
