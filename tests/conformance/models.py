"""Builds the models that the contract is asked of: TensorFlow Serving's own test models, made anew, and two more.

All are written as TensorFlow 1 wrote them, so that tensors and methods have the names that upstream's tests know.
"""

import pathlib
from collections.abc import Mapping

import tensorflow as tf

v1 = tf.compat.v1

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PREDICT = "tensorflow/serving/predict"

# One signature of `types` for each: what it gets it answers.
ECHOED = (
    *(tf.float32, tf.float64, tf.float16, tf.complex64, tf.bool, tf.string),
    *(tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64),
)


def export_half_plus(model_dir: pathlib.Path, addend: float) -> None:
    """Writes the model of upstream's testdata/saved_model_half_plus_two.py, with `addend` for its two.

        y = 0.5 x + addend    y2 = 0.5 x + 3    y3 = 0.5 x2 + 3

    `tensorflow/serving/regress` is y once more, under the name that upstream's half_plus_three has it.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        a, b, c = (v1.Variable(value, name=name) for name, value in (("a", 0.5), ("b", addend), ("c", 3.0)))
        examples, parsed = _parsed_examples(x2=[0.0])
        x, x2 = tf.identity(parsed["x"], "x"), tf.identity(parsed["x2"], "x2")
        y, y2, y3 = tf.add(a * x, b, "y"), tf.add(a * x, c, "y2"), tf.add(a * x2, c, "y3")
        signatures = {
            "serving_default": _signature({"x": x}, {"y": y}, PREDICT),
            "classify_x_to_y": _signature({"inputs": examples}, {"scores": y}, CLASSIFY),
            "regress_x_to_y": _signature({"inputs": examples}, {"outputs": y}, REGRESS),
            "regress_x_to_y2": _signature({"inputs": examples}, {"outputs": y2}, REGRESS),
            "regress_x2_to_y3": _signature({"inputs": x2}, {"outputs": y3}, REGRESS),
            REGRESS: _signature({"inputs": examples}, {"outputs": y}, REGRESS),
        }
        _write(session, signatures, model_dir)


def export_counter(model_dir: pathlib.Path) -> None:
    """Writes the model of upstream's testdata/export_counter.py: a number that requests change."""
    with tf.Graph().as_default(), v1.Session() as session:
        counter = v1.Variable(0.0, name="counter")
        delta = v1.placeholder(tf.float32, [], "delta")
        outputs = {
            "get_counter": counter.read_value(),
            "incr_counter": counter.assign_add(1.0),
            "incr_counter_by": counter.assign_add(delta),
            "reset_counter": counter.assign(0.0),
        }
        signatures = {
            name: _signature({"delta": delta} if name == "incr_counter_by" else {}, {"output": tf.identity(output)})
            for name, output in outputs.items()
        }
        _write(session, signatures, model_dir)


def export_types(model_dir: pathlib.Path) -> None:
    """Writes a model with one signature for each dtype and for each shape that an answer can have."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = {}
        for dtype in ECHOED:
            values = v1.placeholder(dtype, name=dtype.name)
            signatures[dtype.name] = _signature({"values": values}, {"echo": tf.identity(values)})
        x, text = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.string, [None], "text")
        number = v1.placeholder(tf.int32, [None], "number")
        signatures |= {
            "serving_default": _signature({"x": x}, {"y": x * 2.0}),
            "two": _signature({"a": number, "b": text}, {"a": tf.identity(number), "b": tf.identity(text)}),
            "bytes": _signature({"text": text}, {"raw_bytes": tf.identity(text)}),
            "text_and_bytes": _signature({"text": text}, {"same": tf.identity(text), "raw_bytes": tf.identity(text)}),
            "total": _signature({"x": x}, {"sum": tf.reduce_sum(x)}),
            "two_sizes": _signature({"x": x}, {"all": x * 2.0, "first": x[:1]}),
            "nothing": _signature({"x": x}, {"none": x[:0]}),
            "to_complex": _signature({"x": x}, {"z": tf.complex(x, x)}),
            "to_half": _signature({"x": x}, {"half": tf.cast(x, tf.float16)}),
            "refuses": _signature({"x": x}, {"y": _refusing(x)}),
        }
        _write(session, signatures, model_dir)


def export_examples(model_dir: pathlib.Path) -> None:
    """Writes signatures over tf.Examples with a number `x`: right ones, and each kind of wrong one."""
    with tf.Graph().as_default(), v1.Session() as session:
        examples, parsed = _parsed_examples()
        x = parsed["x"]
        num_examples = tf.shape(x)[0]
        scores = tf.concat([x, 1.0 - x], axis=1)
        classes = tf.tile(tf.constant([["yes", "no"]]), [num_examples, 1])
        outputs = {
            "classes_and_scores": {"classes": classes, "scores": scores},
            "classes": {"classes": classes},
            "more_classes": {"classes": tf.concat([classes, classes], axis=1), "scores": scores},
            "flat_scores": {"scores": x[:, 0]},
            "integer_scores": {"scores": tf.cast(scores, tf.int64)},
            "number_classes": {"classes": scores},
            "first_scores": {"scores": scores[:1]},
            "other_outputs": {"labels": classes},
            "three_outputs": {"classes": classes, "scores": scores, "more": x},
            "regression": {"outputs": x},
            "flat_regression": {"outputs": x[:, 0]},
            "wide_regression": {"outputs": scores},
            "first_regression": {"outputs": x[:1]},
            "double_regression": {"outputs": tf.cast(x, tf.float64)},
        }
        signatures = {name: _signature({"inputs": examples}, each) for name, each in outputs.items()}
        signatures["two_inputs"] = _signature({"inputs": examples, "x": x}, {"scores": scores})
        signatures["other_input"] = _signature({"examples": examples}, {"scores": scores})
        signatures["no_such_input"] = _signature({"examples": examples}, {"outputs": x})
        _write(session, signatures, model_dir)


def _parsed_examples(**defaults: list[float]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns the placeholder of serialized tf.Examples and the features: `x`, and those that have a default."""
    examples = v1.placeholder(tf.string, [None], "tf_example")
    features = {"x": tf.io.FixedLenFeature([1], tf.float32)}
    features |= {name: tf.io.FixedLenFeature([1], tf.float32, default) for name, default in defaults.items()}
    return examples, tf.io.parse_example(examples, features)


def _refusing(x: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([v1.Assert(tf.reduce_all(x >= 0.0), ["x must not be negative"])]):
        return tf.identity(x)


def _signature(inputs: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor], method_name: str = PREDICT):
    infos = [
        {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
        for tensors in (inputs, outputs)
    ]
    return v1.saved_model.build_signature_def(*infos, method_name)


def _write(session: v1.Session, signatures: Mapping, model_dir: pathlib.Path) -> None:
    session.run(v1.global_variables_initializer())
    builder = v1.saved_model.Builder(str(model_dir))
    builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=dict(signatures))
    builder.save()
