import pytest
import tensorflow as tf

from serving import request_checks


@tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.int32)])
def _checked(a, b):
    check = request_checks.require(
        lambda: (
            (a > 0, lambda: request_checks.sentence("a must be > 0, but is ", a, ".")),
            (tf.size(b) < 3, lambda: request_checks.sentence("b must be short, but is ", b, " beside ", a, ".")),
        )
    )
    with tf.control_dependencies([check]):
        return tf.identity(a)


def test_a_request_that_holds_passes():
    assert _checked(1, [1, 2]).numpy() == 1


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (-7, [1], "a must be > 0, but is -7."),
        (1, [1, 2, 3], "b must be short, but is [1, 2, 3] beside 1."),
        (0, [1, 2, 3], "a must be > 0, but is 0."),
    ],
)
def test_the_first_check_that_fails_says_one_sentence(a, b, sentence):
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        _checked(a, b)
    # The brackets are the assertion's own, around its one part.
    assert f"assertion failed: [{sentence}]\n" in refusal.value.message


def test_outside_a_graph_it_is_refused_alike():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x is 1\.5"):
        request_checks.require(
            lambda: [(tf.constant(False), lambda: request_checks.sentence("x is ", tf.constant(1.5)))]
        )
