"""The strategy under which a process of a replica drill runs."""

import tfrs_model  # noqa: F401  Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip


def strategy(mode: str) -> tf.distribute.Strategy:
    """Returns `one` device, two logical devices (`mirrored`), or a `worker` that finds its peers in TF_CONFIG."""
    if mode == "worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if mode == "one":
        return tf.distribute.OneDeviceStrategy("/cpu:0")
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
