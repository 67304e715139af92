"""What the explorer says of the models: versions with their state, and the signatures of one as a form needs them."""

from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import model_pb2

from serving import errors, manifest, signatures
from serving.server import lent_version, model_registry

_ROLES = {
    signatures.QUERY_ID: "query_id",
    signatures.CANDIDATE_ID: "candidate_id",
    signatures.HISTORY: "history",
    signatures.HISTORY_TIMESTAMPS: "history_timestamps",
    signatures.MOMENT: "moment",
    signatures.K: "k",
    signatures.EXCLUDE_CANDIDATE_IDS: "exclude",
    signatures.ALLOW_CANDIDATE_IDS: "allow",
    signatures.USE_PRECOMPUTED: "use_precomputed",
}
# In which order a form asks.
_ORDER = (
    *("query_id", "candidate_id", "history", "history_timestamps", "moment", "feature", "use_precomputed"),
    *("k", "filter", "exclude", "allow"),
)
_KINDS = {
    types_pb2.DT_STRING: "text",
    types_pb2.DT_BOOL: "boolean",
    **dict.fromkeys((types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF), "number"),
    **dict.fromkeys((types_pb2.DT_INT8, types_pb2.DT_INT16, types_pb2.DT_INT32, types_pb2.DT_INT64), "integer"),
    **dict.fromkeys((types_pb2.DT_UINT8, types_pb2.DT_UINT16, types_pb2.DT_UINT32, types_pb2.DT_UINT64), "integer"),
}
# A signature that no request asks for.
_INIT_OP = "__saved_model_init_op"
_DESCRIBED = (
    *("index", "similarity", "embedding_dim", "num_candidates", "num_precomputed_queries", "k", "max_k"),
    *("filter_columns", "display_columns", "data_time_range_microseconds"),
)


def list_models(models: model_registry.ModelRegistry) -> list[dict[str, Any]]:
    """Returns every model with its versions, newest first, and what each is doing."""
    return [{"name": name, "versions": _versions(models, name)} for name in models.model_names]


def describe(model: lent_version.LentVersion) -> dict[str, Any]:
    """Returns the signatures of a version, whether they recommend, and what its manifest says of it."""
    return {
        "name": model.model_name,
        "version": str(model.version),
        "recommends": signatures.RECOMMEND if _answers_candidates(model, signatures.RECOMMEND) else None,
        "neighbours": signatures.SIMILAR_CANDIDATES if _has_neighbours(model) else None,
        "signatures": {
            name: _signature(each) for name, each in sorted(model.signature_defs.items()) if name != _INIT_OP
        },
        "description": _description(model),
    }


def _versions(models: model_registry.ModelRegistry, name: str) -> list[dict[str, str]]:
    try:
        statuses = models.statuses(model_pb2.ModelSpec(name=name))
    except errors.NotFoundError:
        # Nothing was found for it yet, or it went away meanwhile.
        return []
    return [
        {
            "version": str(status.version),
            "state": status.state.name,
            "error": status.error.message if status.error else "",
        }
        for status in statuses
    ]


def _answers_candidates(model: lent_version.LentVersion, name: str) -> bool:
    signature = model.signature_defs.get(name)
    return signature is not None and {signatures.CANDIDATE_IDS, signatures.SCORES} <= set(signature.outputs)


def _has_neighbours(model: lent_version.LentVersion) -> bool:
    name = signatures.SIMILAR_CANDIDATES
    return _answers_candidates(model, name) and signatures.CANDIDATE_ID in model.signature_defs[name].inputs


def _signature(signature: meta_graph_pb2.SignatureDef) -> dict[str, Any]:
    inputs = [_input(name, info, name in signature.defaults) for name, info in signature.inputs.items()]
    return {
        "inputs": sorted(inputs, key=lambda each: (_ORDER.index(each["role"]), each["name"])),
        "outputs": sorted(signature.outputs),
    }


def _input(name: str, info: meta_graph_pb2.TensorInfo, may_be_left_out: bool) -> dict[str, Any]:
    role = _ROLES.get(name) or ("filter" if name.startswith(signatures.FILTER_PREFIX) else "feature")
    return {
        "name": name,
        "role": role,
        "kind": _KINDS.get(info.dtype, "other"),
        # A value for each row, or a list of them.
        "is_list": len(info.tensor_shape.dim) > 1,
        "may_be_left_out": may_be_left_out,
    }


def _description(model: lent_version.LentVersion) -> dict[str, Any] | None:
    if model.model_dir is None:
        return None
    try:
        content = manifest.read_manifest(model.model_dir)
    except manifest.ManifestError:
        # Some other program's SavedModel, or a folder that was removed since.
        return None
    return {name: content[name] for name in _DESCRIBED if name in content}
