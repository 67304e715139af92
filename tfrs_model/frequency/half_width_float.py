"""Positive floats in 16 bits: 6 of exponent, 10 of mantissa, rounded up or down by a dither.

A code c > 0 stands for the float32 with the bits (c + offset) << 13, above 2**-16
and below 2**46; code 0 stands for 0. Codes order as their values do, so the maximum
of codes is the code of the maximum. Rounding to the nearest would freeze a count
that grows by less than half a step at a time; with a dither that is uniform over
a step the rounded value has the exact one as its mean. The relative rounding
noise is at most 2**-11 a time, halfway between two codes.

Codes are kept in variables as float16, of which nothing but the order is used: code 0
is the lowest finite one, the next code the next float16. Variables of 16-bit integers
cannot be made under `MultiWorkerMirroredStrategy`, which has no way to send them.
"""

import tensorflow as tf

_DROPPED_BITS = 13
_OFFSET = (127 - 16) << 10
# Finite float16 have magnitudes 0 ... 0x7BFF, and a sign.
_CODE_OF_ZERO = 0x7BFF
_LARGEST_CODE = 2 * _CODE_OF_ZERO
_MAGNITUDE_BITS = 0x7FFF

# The float16 of code 0.
STORED_ZERO = tf.float16.min
# A dither is uniform over the integers below this.
DITHER_RANGE = 1 << _DROPPED_BITS
# Subtracted from a code, this divides its value by 2.
ONE_OCTAVE = 1 << 10


def encode(values: tf.Tensor, dither: tf.Tensor) -> tf.Tensor:
    """Returns int32 codes.

    Args:
      values: float32 >= 0; up to 2**-16 they become 0, from 2**46 on the largest code.
      dither: int32 of the same shape, in [0, DITHER_RANGE).
    """
    codes = tf.bitwise.right_shift(tf.bitcast(values, tf.int32) + dither, _DROPPED_BITS) - _OFFSET
    return tf.clip_by_value(codes, 0, _LARGEST_CODE)


def decode(codes: tf.Tensor) -> tf.Tensor:
    """Returns float32 values of int32 codes."""
    bits = tf.bitwise.left_shift(codes + _OFFSET, _DROPPED_BITS)
    return tf.where(codes == 0, 0.0, tf.bitcast(bits, tf.float32))


def store(codes: tf.Tensor) -> tf.Tensor:
    """Returns the float16 that stand for int32 codes, in the same order."""
    signed = codes - _CODE_OF_ZERO
    bits = tf.where(signed < 0, -signed - (_MAGNITUDE_BITS + 1), signed)
    return tf.bitcast(tf.cast(bits, tf.int16), tf.float16)


def load(stored: tf.Tensor) -> tf.Tensor:
    """Returns the int32 codes that float16 stand for."""
    bits = tf.cast(tf.bitcast(stored, tf.int16), tf.int32)
    magnitude = tf.bitwise.bitwise_and(bits, _MAGNITUDE_BITS)
    return tf.where(bits < 0, -magnitude, magnitude) + _CODE_OF_ZERO
