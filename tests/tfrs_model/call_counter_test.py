import tensorflow as tf

from tfrs_model import call_counter


def test_counted_calls_get_one_number_after_the_other_and_others_the_next_one():
    layer = tf.keras.layers.Layer()
    counter = call_counter.add_call_counter(layer, "step")
    number = tf.function(call_counter.number_of_call)
    assert [int(number(counter, is_counted=each)) for each in (True, True, False, False, True)] == [0, 1, 2, 2, 2]
    assert int(counter) == 3
    assert layer.trainable_weights == []
