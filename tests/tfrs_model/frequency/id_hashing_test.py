import hashlib

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.frequency import id_hashing

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


def _split_mix(x: int) -> int:
    """One output of the splitmix64 generator whose state is x (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (x + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _seed(purpose: str) -> int:
    return int(hashlib.sha256(purpose.encode()).hexdigest()[:8], 16) // 2


def _keys(ids, dtype=None, seed=0):
    return id_hashing.IdHasher(10, 1, seed).keys(tf.constant(ids, dtype)).numpy()


def test_the_hashes_of_this_test_give_the_published_vectors():
    # SipHash: appendix A of the paper, key 00..0f, message 00..0e. Splitmix64: first output of seed 1234567.
    low, high = (int.from_bytes(bytes(half), "little") for half in (range(8), range(8, 16)))
    assert _sip_hash(low, high, bytes(range(15))) == 0xA129CA6149BE45E5
    assert _split_mix(1234567) == 6457827717110365317


@pytest.mark.parametrize("each", ["", "item-7", "-12", "9" * 500, "Ärger, 映画, 🎬", "\x00a"])
def test_a_key_is_the_seeded_sip_hash_of_the_bytes(each):
    low, high = _seed("5/frequency/key/low"), _seed("5/frequency/key/high")
    assert _keys([each], seed=5) == [_sip_hash(low, high, each.encode()) % 2**62]


def test_buckets_are_the_high_bits_of_a_mixed_key_in_the_row_of_their_hash():
    keys = [0, 1, 2**62 - 1, 123456789012345678]
    buckets = id_hashing.IdHasher(1000, 3, 7).buckets(tf.constant(keys, tf.int64)).numpy()
    salts = [_split_mix(_seed(f"7/frequency/hash/{i}")) for i in range(3)]
    expected = [
        [1000 * i + ((_split_mix((salt + key) & _MASK) >> 32) * 1000 >> 32) for key in keys]
        for i, salt in enumerate(salts)
    ]
    np.testing.assert_array_equal(buckets, expected)


def test_ids_spread_evenly_and_hashes_are_independent():
    hasher = id_hashing.IdHasher(50, 2, 0)
    first, second = hasher.buckets(hasher.keys(tf.range(100_000))).numpy()
    # Chi square with 49 and 2499 degrees of freedom, mean and variance n and 2 n: five deviations.
    for cells, degrees in ((first, 49), (first * 50 + second - 50, 2499)):
        counts = np.bincount(cells, minlength=degrees + 1)
        statistic = np.sum((counts - 1e5 / len(counts)) ** 2) / (1e5 / len(counts))
        assert abs(statistic - degrees) < 5 * np.sqrt(2 * degrees)


def test_the_largest_number_of_buckets_is_reached_and_not_passed():
    buckets = id_hashing.IdHasher(2**31 - 1, 2, 0).buckets(tf.range(10_000, dtype=tf.int64)).numpy()
    assert buckets[0].min() >= 0
    # The chance that none of 10,000 falls in the last hundredth is e^-100.
    assert 0.99 * 2**31 < buckets[0].max() < 2**31 - 1 <= buckets[1].min() <= buckets[1].max() < 2 * (2**31 - 1)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_integers_are_their_decimal_strings(dtype):
    limits = np.iinfo(dtype)
    values = [limits.min, 0, 7, limits.max]
    np.testing.assert_array_equal(_keys(np.array(values, dtype)), _keys([str(value) for value in values]))


def test_equal_ids_have_equal_keys_whatever_is_beside_them_and_others_do_not():
    keys = _keys(["a", "b", "a", "A", "a ", "ä", "a\u0308"])
    assert keys[0] == keys[2] == _keys(["a"])[0]
    assert len(set(keys.tolist())) == 6


def test_another_seed_gives_other_keys_and_other_buckets():
    one, other = (id_hashing.IdHasher(10**6, 2, seed) for seed in (0, 1))
    ids = tf.range(100)
    assert not np.any(one.keys(ids) == other.keys(ids))
    # Of 200 pairs 200 / 10^6 agree by chance.
    assert np.sum(one.buckets(one.keys(ids)) == other.buckets(one.keys(ids))) <= 2


@pytest.mark.parametrize(("ids", "name"), [([0.5], "float32"), ([True], "bool"), ([1j], "complex128")])
def test_ids_that_are_neither_strings_nor_integers_are_refused(ids, name):
    with pytest.raises(TypeError, match=f"must be strings or integers, but are {name}"):
        _keys(ids)


@pytest.mark.parametrize("ids", ["a", [["a"], ["b"]]])
def test_ids_that_are_no_vector_are_refused(ids):
    with pytest.raises(ValueError, match=r"must be \[batch_size\], but have the shape .*; flatten them"):
        _keys(ids)


@pytest.mark.parametrize(("buckets", "hashes"), [(0, 1), (5, 0), (2**31, 1)])
def test_sizes_out_of_range_are_refused(buckets, hashes):
    with pytest.raises(ValueError, match=rf"\[1, 2\*\*31\) and num_hashes >= 1, but they are {buckets} and {hashes}"):
        id_hashing.IdHasher(buckets, hashes, 0)
