"""TensorFlow Serving's own test models, made anew: same names, same formulas, our code."""

import pathlib

import tensorflow as tf

v1 = tf.compat.v1


def export_half_plus_two(model_dir: pathlib.Path, addend: float = 2.0) -> None:
    """Exports the model of saved_model_half_plus_two.py in TensorFlow Serving's servables/tensorflow/testdata.

        y = 0.5 x + addend    y2 = 0.5 x + 3    y3 = 0.5 x2 + 3

    `serving_default` predicts y of x. `classify_x_to_y`, `regress_x_to_y` and `regress_x_to_y2` take tf.Examples with
    a feature x; `regress_x2_to_y3` takes x2 itself, which no Regress request can send.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        a, b, c = (v1.Variable(value, name=name) for name, value in (("a", 0.5), ("b", addend), ("c", 3.0)))
        serialized = v1.placeholder(tf.string, [None], "tf_example")
        one_float = tf.io.FixedLenFeature([1], tf.float32)
        features = {"x": one_float, "x2": one_float._replace(default_value=[0.0])}
        parsed = tf.io.parse_example(serialized, features)
        x, x2 = tf.identity(parsed["x"], "x"), tf.identity(parsed["x2"], "x2")
        y, y2, y3 = tf.add(a * x, b, "y"), tf.add(a * x, c, "y2"), tf.add(a * x2, c, "y3")
        session.run(v1.global_variables_initializer())
        signatures = {
            "serving_default": signature({"x": x}, {"y": y}, tf.saved_model.PREDICT_METHOD_NAME),
            "classify_x_to_y": signature({"inputs": serialized}, {"scores": y}, tf.saved_model.CLASSIFY_METHOD_NAME),
            "regress_x_to_y": signature({"inputs": serialized}, {"outputs": y}, tf.saved_model.REGRESS_METHOD_NAME),
            "regress_x_to_y2": signature({"inputs": serialized}, {"outputs": y2}, tf.saved_model.REGRESS_METHOD_NAME),
            "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, tf.saved_model.REGRESS_METHOD_NAME),
        }
        save(session, model_dir, signatures)


def signature(inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], method_name: str):
    """Returns the SignatureDef over some tensors of a graph."""
    infos = [
        {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
        for tensors in (inputs, outputs)
    ]
    return v1.saved_model.build_signature_def(*infos, method_name)


def save(session, model_dir: pathlib.Path, signatures: dict) -> None:
    """Writes the graph and the variables of a session as an export for serving."""
    builder = v1.saved_model.Builder(str(model_dir))
    builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], signature_def_map=signatures)
    builder.save()
