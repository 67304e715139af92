import numpy as np
import pytest
import tensorflow as tf

from tfrs_model.frequency import half_width_float

_CODES = np.arange(2 * 0x7BFF + 1)  # as many as there are finite float16, both zeros one
# 6 exponent bits from 2^-16 on and 10 of mantissa; code 0 is 0.
_VALUES = np.where(_CODES == 0, 0.0, (1 + _CODES % 1024 / 1024) * 2.0 ** (_CODES // 1024 - 16))


def _encode(values, dither):
    return half_width_float.encode(tf.constant(values, tf.float32), tf.constant(dither, tf.int32)).numpy()


def test_each_code_stands_for_its_float_and_larger_codes_for_larger_ones():
    np.testing.assert_array_equal(half_width_float.decode(tf.constant(_CODES, tf.int32)), _VALUES)
    assert np.all(np.diff(_VALUES) > 0)


@pytest.mark.parametrize("dither", [0, 1, half_width_float.DITHER_RANGE - 1])
def test_a_value_that_has_a_code_keeps_it_under_every_dither(dither):
    codes = _encode(_VALUES, np.full(len(_CODES), dither))
    np.testing.assert_array_equal(codes, _CODES)


@pytest.mark.parametrize("value", [3.1416, 1.9999, 65535.9, 1e-4, 1.3e9])
def test_rounding_is_up_or_down_by_one_code_and_right_in_the_mean_of_all_dithers(value):
    dither = np.arange(half_width_float.DITHER_RANGE)
    codes = _encode(np.full(len(dither), value), dither)
    rounded = half_width_float.decode(tf.constant(codes)).numpy().astype(np.float64)
    assert len(set(codes.tolist())) == 2
    assert codes.max() - codes.min() == 1
    np.testing.assert_allclose(rounded.mean(), np.float32(value), rtol=1e-12)
    # Two neighbours, at most 2^-10 apart: the deviation is at most half of that.
    assert rounded.std() <= 2**-11 * value


def test_an_octave_down_is_half_the_value():
    codes = _CODES[half_width_float.ONE_OCTAVE + 1 :]
    halved = half_width_float.decode(tf.constant(codes - half_width_float.ONE_OCTAVE, tf.int32))
    np.testing.assert_array_equal(halved, _VALUES[codes] / 2)


def test_values_out_of_range_become_zero_or_the_largest_code():
    tiny_and_huge = [0.0, 1e-30, 2.0**-17, 2.0**-16, 2.0**46, 1e30, 3.4e38]
    np.testing.assert_array_equal(_encode(tiny_and_huge, [0] * 7), [0, 0, 0, 0, 63486, 63486, 63486])


def test_codes_are_stored_as_all_finite_float16_in_their_order():
    stored = half_width_float.store(tf.constant(_CODES, tf.int32))
    assert stored.dtype == tf.float16
    assert (stored[0], stored[-1]) == (half_width_float.STORED_ZERO, tf.float16.max)
    assert np.all(np.diff(stored.numpy().astype(np.float64)) > 0)
    np.testing.assert_array_equal(half_width_float.load(stored), _CODES)
