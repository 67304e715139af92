"""Small SavedModels whose signatures take tf.Examples, right and wrong ones."""

import pathlib

import tensorflow as tf

from tests.serving import upstream_models

_X = {"x": tf.io.FixedLenFeature([], tf.float32)}


class Animals(tf.Module):
    """Scores a cat with x and a dog with 1 - x."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        x = tf.io.parse_example(inputs, _X)["x"]
        return {"classes": tf.tile([["cat", "dög"]], [tf.size(x), 1]), "scores": tf.stack([x, 1.0 - x], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def label(self, inputs):
        return {"classes": tf.strings.as_string(tf.io.parse_example(inputs, _X)["x"], precision=1)[:, tf.newaxis]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        return {"outputs": tf.io.parse_example(inputs, _X)["x"] * 2.0}


def export_animals(model_dir: pathlib.Path) -> None:
    """Exports a TensorFlow 2 model, so every signature has the method name of Predict."""
    model = Animals()
    signatures = {"serving_default": model.classify, "label": model.label, "regress": model.regress}
    tf.saved_model.save(model, str(model_dir), signatures=signatures)


def export_misfits(model_dir: pathlib.Path) -> None:
    """Exports signatures none of which answers Classify or Regress; `other_method` would, were its name not checked."""
    classify, regress = tf.saved_model.CLASSIFY_METHOD_NAME, tf.saved_model.REGRESS_METHOD_NAME
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        inputs = {"inputs": tf.compat.v1.placeholder(tf.string, [None], "tf_example")}
        floats = tf.zeros([tf.size(inputs["inputs"]), 2])
        texts, numbers = tf.as_string(floats), tf.cast(floats, tf.int64)
        latin = tf.fill(tf.shape(floats), b"\xe9")
        signatures = {
            "other_method": (inputs, {"scores": floats}, "other/method"),
            "two_inputs": ({**inputs, "k": tf.compat.v1.placeholder(tf.int64, [], "k")}, {"scores": floats}, classify),
            "three_outputs": (inputs, {"scores": floats, "classes": texts, "k": numbers}, classify),
            "other_input": ({"examples": inputs["inputs"]}, {"scores": floats}, classify),
            "other_outputs": (inputs, {"logits": floats}, classify),
            "flat_classes": (inputs, {"classes": texts[:, 0]}, classify),
            "number_classes": (inputs, {"classes": numbers}, classify),
            "fewer_classes": (inputs, {"classes": texts[1:]}, classify),
            "latin_classes": (inputs, {"classes": latin}, classify),
            "deep_scores": (inputs, {"scores": floats[:, :, tf.newaxis]}, classify),
            "number_scores": (inputs, {"scores": numbers}, classify),
            "fewer_scores": (inputs, {"scores": floats[1:]}, classify),
            "fewer_scores_than_classes": (inputs, {"classes": texts, "scores": floats[:, :1]}, classify),
            "two_regressions": (inputs, {"outputs": floats[:, 0], "more": floats}, regress),
            "other_regression": (inputs, {"y": floats[:, 0]}, regress),
            "other_regression_input": ({"examples": inputs["inputs"]}, {"outputs": floats[:, 0]}, regress),
            "wide_regression": (inputs, {"outputs": floats}, regress),
            "fewer_regressions": (inputs, {"outputs": floats[1:, 0]}, regress),
            "number_regression": (inputs, {"outputs": numbers[:, 0]}, regress),
            "scalar_regression": (inputs, {"outputs": tf.reduce_sum(floats)}, regress),
        }
        built = {name: upstream_models.signature(*parts) for name, parts in signatures.items()}
        upstream_models.save(session, model_dir, built)
