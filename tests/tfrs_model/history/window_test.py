import pytest
import tensorflow as tf

from tfrs_model import history


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["a", "", "b", "c", ""], ["", "", "b", "c", ""]),
        (["", "", "a"], ["", "", "a"]),
        (["a", "b", "", ""], ["a", "b", "", ""]),
        (["a", "b", "c", "d"], ["", "", "c", "d"]),
        (["", ""], ["", ""]),
        ([], []),
    ],
)
def test_only_the_last_ids_are_kept_wherever_the_empty_ones_stand(given, kept):
    answer = history.keep_last(tf.constant([given], tf.string), 2)
    assert [each.decode() for each in answer.numpy()[0]] == kept
