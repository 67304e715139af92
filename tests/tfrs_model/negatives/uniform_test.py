import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.negatives import chi_square
from tfrs_model import negatives


def test_every_candidate_is_drawn_equally_often():
    draws = negatives.UniformNegatives(50, 20_000, seed=3).draw(7)
    assert draws.shape == (20_000,)
    assert draws.dtype == tf.int64
    assert abs(chi_square.z_of_draws(draws.numpy(), np.full(50, 1 / 50))) < 3.0


def test_steps_together_are_as_uniform_as_one():
    source = negatives.UniformNegatives(50, 4, seed=3)
    step = tf.function(source.draw)
    draws = np.concatenate([step(tf.constant(i, tf.int64)) for i in range(1000)])
    assert abs(chi_square.z_of_draws(draws, np.full(50, 1 / 50))) < 3.0


def test_a_draw_depends_on_seed_and_step_alone():
    first, again = (negatives.UniformNegatives(10**9, 100, seed=3) for _ in range(2))
    in_graph = tf.function(again.draw)
    later = in_graph(tf.constant(8, tf.int64))
    np.testing.assert_array_equal(in_graph(tf.constant(7, tf.int64)), first.draw(7))
    np.testing.assert_array_equal(first.draw(8), later)
    others = [first.draw(7), first.draw(8), negatives.UniformNegatives(10**9, 100, seed=4).draw(7)]
    assert len({each.numpy().tobytes() for each in others}) == 3


def test_the_expected_count_is_draws_over_candidates_and_may_exceed_one():
    # By hand: 30 / 120 and 30 / 20.
    assert negatives.UniformNegatives(120, 30).expected_count() == 0.25
    assert negatives.UniformNegatives(20, 30).expected_count() == 1.5


@pytest.mark.parametrize(("name", "numbers"), [("num_candidates", (0, 5)), ("num_negatives", (5, 0))])
def test_a_number_below_one_is_refused(name, numbers):
    with pytest.raises(ValueError, match=f"{name} of uniform negatives must be >= 1, but is 0"):
        negatives.UniformNegatives(*numbers)
