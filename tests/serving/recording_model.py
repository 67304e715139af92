"""A model that leaves a file for each request that it answers, so that nobody need trust an answer to know of it."""

import pathlib

import tensorflow as tf


class Recording(tf.Module):
    """Writes an empty file, and answers with a number that took some time."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def record(self, path):
        with tf.control_dependencies([tf.io.write_file(path, "")]):
            return {"path": tf.identity(path)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="num_steps")])
    def compute(self, num_steps):
        """Takes some 10 microseconds a step, of one processor."""
        matrix = tf.eye(64) * 0.5

        def multiply(step, product):
            return step + 1, tf.linalg.matmul(product, matrix)

        product = tf.while_loop(lambda step, _: step < num_steps, multiply, (0, matrix), parallel_iterations=1)[1]
        return {"trace": tf.linalg.trace(product)}


def export(model_dir: pathlib.Path) -> None:
    model = Recording()
    tf.saved_model.save(model, str(model_dir), signatures={"serving_default": model.record, "compute": model.compute})
