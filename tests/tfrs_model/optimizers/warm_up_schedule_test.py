import json
import math

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import optimizers


def _rates(schedule, steps):
    return [float(schedule(tf.constant(step, tf.int64))) for step in steps]


def test_the_warm_up_is_a_straight_line_that_starts_above_zero():
    for name, decay_steps in (("constant", 0), ("inverse_sqrt", 0), ("cosine", 12)):
        schedule = optimizers.WarmUpSchedule(2.0, name, 4, decay_steps)
        np.testing.assert_allclose(_rates(schedule, range(4)), [0.5, 1.0, 1.5, 2.0])


def test_afterwards_the_rate_stays_or_falls_as_the_docstring_says():
    constant = optimizers.WarmUpSchedule(1.0, "constant", 4)
    inverse_sqrt = optimizers.WarmUpSchedule(1.0, "inverse_sqrt", 4)
    cosine = optimizers.WarmUpSchedule(1.0, "cosine", 4, 12)
    np.testing.assert_allclose(_rates(constant, [4, 1000]), [1.0, 1.0])
    # sqrt(4 / 9) and sqrt(4 / 400).
    np.testing.assert_allclose(_rates(inverse_sqrt, [8, 399]), [2 / 3, 0.1], rtol=1e-6)
    # Half-way from 4 to 12; a quarter of the way, (1 + cos(pi / 4)) / 2.
    np.testing.assert_allclose(_rates(cosine, [4, 6, 8]), [1.0, (1 + math.sqrt(0.5)) / 2, 0.5], rtol=1e-6)
    assert _rates(cosine, [11])[0] > 0.0
    np.testing.assert_allclose(_rates(cosine, [12, 500]), [0.0, 0.0], atol=1e-7)


def test_a_cosine_without_warm_up_is_that_of_keras():
    stock = tf.keras.optimizers.schedules.CosineDecay(0.3, 20)
    steps = range(25)
    np.testing.assert_allclose(
        _rates(optimizers.WarmUpSchedule(0.3, "cosine", 0, 20), steps), _rates(stock, steps), atol=1e-7
    )


def test_its_configuration_makes_an_equal_schedule():
    schedule = optimizers.WarmUpSchedule(0.3, "cosine", 3, 20)
    written = json.loads(json.dumps(tf.keras.optimizers.schedules.serialize(schedule)))
    again = tf.keras.optimizers.schedules.deserialize(written)
    assert _rates(again, range(25)) == _rates(schedule, range(25))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0.0, "constant"), "peak of the learning rate must be > 0 and finite, but is 0.0."),
        (
            (1.0, "linear"),
            "schedule of the learning rate must be one of constant, inverse_sqrt, cosine, but is linear.",
        ),
        ((1.0, "inverse_sqrt"), "warm_up_steps of the learning rate must be >= 1 for inverse_sqrt, but is 0."),
        ((1.0, "cosine", 5, 5), "decay_steps of the learning rate must be above the warm_up_steps, 5, for cosine, but"),
        ((1.0, "constant", 0, 5), "decay_steps of the learning rate must be 0 for constant, but is 5."),
    ],
)
def test_values_out_of_range_are_refused_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        optimizers.WarmUpSchedule(*arguments)
