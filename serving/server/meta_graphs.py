"""The MetaGraph of a SavedModel folder, and what has to be there before it can be loaded."""

import importlib
import pathlib
from collections.abc import Iterable, Sequence

import tensorflow as tf
from google.protobuf import message as protobuf_message
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from serving import errors, manifest

_SCANN_OP_PREFIX = "Scann>"


def read(model_dir: pathlib.Path, tags: Sequence[str]) -> meta_graph_pb2.MetaGraphDef:
    """Returns the MetaGraph of a SavedModel folder; the ops that it needs are registered then.

    Args:
      model_dir: folder that holds saved_model.pb.
      tags: tag set of the MetaGraph.

    Raises:
      ServingError: if the folder is no complete SavedModel, is not as its manifest says, has no such MetaGraph, or
        needs ops that this process lacks.
    """
    meta_graph = _read_meta_graph(model_dir, tags)
    _require_as_published(model_dir)
    _import_custom_ops(meta_graph)
    return meta_graph


def _read_meta_graph(model_dir: pathlib.Path, tags: Sequence[str]) -> meta_graph_pb2.MetaGraphDef:
    path = model_dir / "saved_model.pb"
    try:
        serialized = path.read_bytes()
    except FileNotFoundError as error:
        raise errors.NotFoundError(
            f"Could not find SavedModel .pb at supplied export directory path: {model_dir}. Check that "
            "the directory exists and that you have the right permissions for accessing it."
        ) from error
    except OSError as error:
        raise errors.PermissionDeniedError(f"Could not read {path}: {error.strerror}.") from error
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(serialized)
    except protobuf_message.DecodeError as error:
        raise errors.DataLossError(f"Can't parse {path} as binary proto") from error
    for meta_graph in saved_model.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == set(tags):
            return meta_graph
    raise errors.NotFoundError(
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. To inspect available "
        "tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
    )


def _require_as_published(model_dir: pathlib.Path) -> None:
    """Refuses an export of which a file is cut off, changed or of another version, as far as it has a manifest."""
    try:
        manifest.require_as_published(model_dir)
    except manifest.ManifestError as error:
        raise errors.DataLossError(str(error)) from error


def _import_custom_ops(meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Registers ScaNN's ops if the graph uses one; other ops have to be in TensorFlow itself."""
    if not any(op.startswith(_SCANN_OP_PREFIX) for op in _ops(meta_graph.graph_def)):
        return
    try:
        importlib.import_module("scann")
    except (ImportError, tf.errors.OpError) as error:
        raise errors.FailedPreconditionError(
            f"The model uses ScaNN ops, but the scann package cannot be imported: {error}. Install "
            "the scann release that is built for this TensorFlow, or export the model with --index=brute_force."
        ) from error


def _ops(graph_def: tf.compat.v1.GraphDef) -> Iterable[str]:
    for node in graph_def.node:
        yield node.op
    for function in graph_def.library.function:
        for node in function.node_def:
            yield node.op
