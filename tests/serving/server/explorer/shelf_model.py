"""A recommender in a few lines, with the signatures of an export, that loads and answers at once."""

import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.serving import tiny_models

IDS = ["a", "b", "c", "d", "e", "f"]
_TEXT, _TEXTS = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)


class _Shelf(tf.Module):
    def _answer(self, asked, k):
        num_answered = tf.reduce_max(tf.concat([k, tf.fill([tf.cast(tf.size(k) == 0, tf.int32)], len(IDS))], axis=0))
        ids = tf.repeat([IDS], tf.size(asked), axis=0)[:, :num_answered]
        return {"candidate_ids": ids, "scores": tf.zeros_like(ids, tf.float32), "valid": ids != ""}

    @tf.function
    def recommend(self, **inputs):
        return self._answer(inputs["query_id"], inputs["k"])

    @tf.function
    def neighbours(self, **inputs):
        return self._answer(inputs["candidate_id"], inputs["k"])


def export(model_dir: pathlib.Path) -> None:
    """Writes a SavedModel that answers the first of `IDS` to whatever is asked."""

    def specs(**dtypes):
        return {name: tf.TensorSpec(each.shape, each.dtype, name) for name, each in dtypes.items()}

    k = tf.TensorSpec([None], tf.int32)
    asked = specs(query_id=_TEXT, history=_TEXTS, age=tf.TensorSpec([None], tf.float32), filter_genre=_TEXTS, k=k)
    similar = specs(candidate_id=_TEXT, k=k, exclude_candidate_ids=_TEXTS)
    model = _Shelf()
    signatures = {
        "serving_default": model.recommend.get_concrete_function(**asked),
        "similar_candidates": model.neighbours.get_concrete_function(**similar),
    }
    tf.saved_model.save(model, str(model_dir), signatures=signatures)
    _write_defaults(model_dir / "saved_model.pb", {**asked, **similar})


def _write_defaults(path: pathlib.Path, specs: dict[str, tf.TensorSpec]) -> None:
    """Lets requests leave out all but whom they ask for, as exports do."""
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for signature in saved.meta_graphs[0].signature_def.values():
        for name in set(signature.inputs) & set(specs) - {"query_id", "candidate_id"}:
            empty = np.zeros([0] * specs[name].shape.rank, object if specs[name].dtype == tf.string else np.float32)
            signature.defaults[name].CopyFrom(tf.make_tensor_proto(empty, specs[name].dtype, empty.shape))
    path.write_bytes(saved.SerializeToString())


def publish(model_dir: pathlib.Path, base_path: pathlib.Path, version: int, titles: dict[str, str] | None) -> None:
    """Publishes a copy of a model, with titles by candidate id where there are some."""
    copy = base_path.parent / f"copy-{version}"
    shutil.copytree(model_dir, copy)
    if titles is not None:
        (copy / "assets.extra").mkdir()
        columns = {"candidate_id": list(titles), "title": list(titles.values())}
        pq.write_table(pa.table(columns), copy / "assets.extra" / "display.parquet")
    tiny_models.publish(copy, base_path, version)
    shutil.rmtree(copy)
