import json

import tensorflow as tf

from tfrs_model import shared_layers


def test_a_layer_used_twice_is_written_once_and_is_one_again():
    shared, other = tf.keras.layers.Dense(2, name="shared"), tf.keras.layers.Dense(3, name="other")
    config = shared_layers.to_config({"a": shared, "b": None, "more": {"c": other, "d": shared}, "none": {}})
    assert len(config["layers"]) == 2
    made = shared_layers.from_config(json.loads(json.dumps(config)))
    assert made["a"] is made["more"]["d"]
    assert made["a"] is not shared
    assert (made["a"].units, made["more"]["c"].units, made["b"], made["none"]) == (2, 3, None, {})


def test_two_layers_of_one_name_stay_two():
    first, second = (tf.keras.layers.Dense(units, name="ids") for units in (1, 2))
    made = shared_layers.from_config(shared_layers.to_config({"a": first, "b": second}))
    assert (made["a"].units, made["b"].units) == (1, 2)
