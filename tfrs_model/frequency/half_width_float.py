"""Positive floats in 16 bits: 6 of exponent, 10 of mantissa, rounded up or down by a dither.

A code c > 0 stands for the float32 with the bits (c + offset) << 13, above 2**-16
and below 2**48; code 0 stands for 0. Codes order as their values do, so the maximum
of codes is the code of the maximum. Rounding to the nearest would freeze a count
that grows by less than half a step at a time; with a dither that is uniform over
a step the rounded value has the exact one as its mean. The relative rounding
noise is at most 2**-11 a time, halfway between two codes.
"""

import tensorflow as tf

_DROPPED_BITS = 13
_OFFSET = (127 - 16) << 10
_LARGEST_CODE = 2**16 - 1

# A dither is uniform over the integers below this.
DITHER_RANGE = 1 << _DROPPED_BITS
# Subtracted from a code, this divides its value by 2.
ONE_OCTAVE = 1 << 10


def encode(values: tf.Tensor, dither: tf.Tensor) -> tf.Tensor:
    """Returns uint16 codes.

    Args:
      values: float32 >= 0; up to 2**-16 they become 0, from 2**48 on the largest code.
      dither: int32 of the same shape, in [0, DITHER_RANGE).
    """
    codes = tf.bitwise.right_shift(tf.bitcast(values, tf.int32) + dither, _DROPPED_BITS) - _OFFSET
    return tf.cast(tf.clip_by_value(codes, 0, _LARGEST_CODE), tf.uint16)


def decode(codes: tf.Tensor) -> tf.Tensor:
    """Returns float32 values of uint16 (or int32) codes."""
    bits = tf.bitwise.left_shift(tf.cast(codes, tf.int32) + _OFFSET, _DROPPED_BITS)
    return tf.where(codes == 0, 0.0, tf.bitcast(bits, tf.float32))
