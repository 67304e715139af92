"""Loads a SavedModel as TensorFlow Serving does, through TensorFlow's C API and without Python TensorFlow.

`TF_LoadSessionFromSavedModel` is the same C++ loader that TensorFlow Serving
calls. An export that answers here answers there, as long as every op it uses is
compiled into that server. Ops from elsewhere, such as ScaNN's, need
`--c_api_op_library`.

    python -m serving.c_api_loader --c_api_model_dir=models/movielens/1 \
        --c_api_inputs='{"query_id": ["196"], "history": [["242"]]}' --c_api_op_library=scann

prints one JSON object, output names to nested lists. Run it in a process of its
own: a process that imports Python TensorFlow too shares its libraries and proves less.
"""

import base64
import ctypes
import dataclasses
import json
import os
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from absl import app, flags

from serving import errors, tensorflow_c_api

_SERVE_TAG = b"serve"
_STRING = 7  # DataType.DT_STRING
_NUMPY_DTYPES = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    5: np.int16,
    6: np.int8,
    9: np.int64,
    10: np.bool_,
    17: np.uint16,
    19: np.float16,
    22: np.uint32,
    23: np.uint64,
}
_DATA_TYPES = {np.dtype(dtype): data_type for data_type, dtype in _NUMPY_DTYPES.items()}
_BYTES_PER_STRING = 24  # sizeof(TF_TString)

_MODEL_DIR = flags.DEFINE_string("c_api_model_dir", None, "SavedModel folder, <base path>/<version>.")
_SIGNATURE_NAME = flags.DEFINE_string("c_api_signature_name", "serving_default", "Signature to run.")
_INPUTS = flags.DEFINE_string("c_api_inputs", "{}", "JSON object: input name to nested list.")
_OP_LIBRARY = flags.DEFINE_string(
    "c_api_op_library", "", "Shared library with further ops; `scann` stands for the one of the scann package."
)


def load_and_run(
    model_dir: str | os.PathLike[str],
    signature_name: str,
    feeds: Mapping[str, np.ndarray | Sequence],
    op_library: str | None = None,
) -> dict[str, np.ndarray]:
    """Loads `model_dir` with tag `serve`, initialises it and runs one signature once.

    Args:
      model_dir: SavedModel folder.
      signature_name: key of the SignatureDef.
      feeds: input name to array, or to a (nested) list, which is cast to the input's dtype;
        strings as `bytes` or `str`.
      op_library: path of a shared library with further ops; `None` for stock TensorFlow.

    Returns:
      Output name to array; strings as object arrays of `bytes`.

    Raises:
      ServingError: of the status code that TensorFlow answers, with its message; or
        `FailedPreconditionError` for an unknown signature, `InvalidArgumentError` for wrong input names.
    """
    api = tensorflow_c_api.TensorFlowCApi(op_library)
    with _load(api, os.fspath(model_dir)) as model:
        return model.run(signature_name, feeds)


def find_scann_op_library() -> str:
    """Returns the path of the scann package's op library, without importing the package."""
    return str(tensorflow_c_api.package_dir("scann") / "scann_ops" / "cc" / "_scann_ops.so")


def _load(api: tensorflow_c_api.TensorFlowCApi, model_dir: str) -> "_LoadedModel":
    tf = api.tf
    graph, options, meta_graph = tf.TF_NewGraph(), tf.TF_NewSessionOptions(), tf.TF_NewBuffer()
    try:
        tags = (ctypes.c_char_p * 1)(_SERVE_TAG)
        session = api.call(
            "TF_LoadSessionFromSavedModel", options, None, os.fsencode(model_dir), tags, 1, graph, meta_graph
        )
        serialized = ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length)
    except errors.ServingError:
        tf.TF_DeleteGraph(graph)
        raise
    finally:
        tf.TF_DeleteBuffer(meta_graph)
        tf.TF_DeleteSessionOptions(options)
    return _LoadedModel(api, graph, session, serialized)


@dataclasses.dataclass
class _LoadedModel:
    api: tensorflow_c_api.TensorFlowCApi
    graph: int
    session: int
    serialized_meta_graph: bytes

    def __enter__(self) -> "_LoadedModel":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.api.call("TF_CloseSession", self.session)
        self.api.call("TF_DeleteSession", self.session)
        self.api.tf.TF_DeleteGraph(self.graph)

    def run(self, signature_name: str, feeds: Mapping[str, np.ndarray | Sequence]) -> dict[str, np.ndarray]:
        signature = self._signature(signature_name)
        if set(feeds) != set(signature.inputs):
            raise errors.InvalidArgumentError(
                f"Signature {signature_name!r} takes inputs {sorted(signature.inputs)}, but got {sorted(feeds)}."
            )
        names, output_names = sorted(feeds), sorted(signature.outputs)
        tensors = [self._to_tensor(feeds[name], signature.inputs[name].dtype) for name in names]
        values = (ctypes.c_void_p * len(output_names))()
        try:
            self.api.call(
                "TF_SessionRun",
                self.session,
                None,
                self._endpoints([signature.inputs[name].name for name in names]),
                (ctypes.c_void_p * len(tensors))(*tensors),
                len(tensors),
                self._endpoints([signature.outputs[name].name for name in output_names]),
                values,
                len(output_names),
                None,
                0,
                None,
            )
            return {name: self._to_array(value) for name, value in zip(output_names, values, strict=True)}
        finally:
            for tensor in [*tensors, *filter(None, values)]:
                self.api.tf.TF_DeleteTensor(tensor)

    def _signature(self, signature_name: str):
        # TensorBoard carries TensorFlow's messages as its own, readable without TensorFlow.
        from tensorboard.compat.proto import meta_graph_pb2

        signatures = meta_graph_pb2.MetaGraphDef.FromString(self.serialized_meta_graph).signature_def
        if signature_name not in signatures:
            raise errors.FailedPreconditionError(
                f'Serving signature key "{signature_name}" not found. The model has {sorted(signatures)}.'
            )
        return signatures[signature_name]

    def _endpoints(self, tensor_names: Sequence[str]) -> ctypes.Array:
        """Returns the graph's endpoints of names such as `serving_default_x:0`."""
        endpoints = (tensorflow_c_api.Output * len(tensor_names))()
        for endpoint, tensor_name in zip(endpoints, tensor_names, strict=True):
            operation_name, _, index = tensor_name.partition(":")
            endpoint.operation = self.api.tf.TF_GraphOperationByName(self.graph, operation_name.encode())
            endpoint.index = int(index or 0)
            if not endpoint.operation:
                raise errors.InternalError(f"The signature names tensor {tensor_name!r}, which the graph lacks.")
        return endpoints

    def _to_tensor(self, values: np.ndarray | Sequence, data_type: int) -> int:
        tf = self.api.tf
        if isinstance(values, np.ndarray):
            # An array keeps its dtype, and the graph says whether it fits.
            array = values.astype(object) if values.dtype.kind in "SU" else np.ascontiguousarray(values)
        else:
            array = np.array(values, object if data_type == _STRING else _NUMPY_DTYPES[data_type])
        data_type = _STRING if array.dtype.kind == "O" else _DATA_TYPES[array.dtype]
        num_bytes = array.size * _BYTES_PER_STRING if data_type == _STRING else array.nbytes
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        tensor = tf.TF_AllocateTensor(data_type, shape, array.ndim, num_bytes)
        if data_type == _STRING:
            self._copy_strings(array, tf.TF_TensorData(tensor))
        else:
            ctypes.memmove(tf.TF_TensorData(tensor), array.ctypes.data, num_bytes)
        return tensor

    def _copy_strings(self, array: np.ndarray, address: int) -> None:
        for position, value in enumerate(array.ravel()):
            encoded = value.encode() if isinstance(value, str) else bytes(value)
            string = address + position * _BYTES_PER_STRING
            self.api.tf.TF_StringInit(string)
            self.api.tf.TF_StringCopy(string, encoded, len(encoded))

    def _to_array(self, tensor: int) -> np.ndarray:
        tf = self.api.tf
        shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
        address, data_type = tf.TF_TensorData(tensor), tf.TF_TensorType(tensor)
        if data_type != _STRING:
            content = ctypes.string_at(address, tf.TF_TensorByteSize(tensor))
            return np.frombuffer(content, _NUMPY_DTYPES[data_type]).reshape(shape)
        array = np.empty(int(np.prod(shape)), object)
        for position in range(array.size):
            string = address + position * _BYTES_PER_STRING
            array[position] = ctypes.string_at(tf.TF_StringGetDataPointer(string), tf.TF_StringGetSize(string))
        return array.reshape(shape)


def _to_json(value: object) -> object:
    if isinstance(value, np.ndarray):
        return [_to_json(item) for item in value.tolist()] if value.ndim else _to_json(value.item())
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    return value


def main(argv: Sequence[str]) -> None:
    """Runs one signature of `--c_api_model_dir` and prints its outputs as JSON."""
    del argv
    op_library = find_scann_op_library() if _OP_LIBRARY.value == "scann" else _OP_LIBRARY.value or None
    try:
        outputs = load_and_run(_MODEL_DIR.value, _SIGNATURE_NAME.value, json.loads(_INPUTS.value), op_library)
    except (errors.ServingError, json.JSONDecodeError) as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    print(json.dumps({name: _to_json(array) for name, array in outputs.items()}))


def console_main() -> None:
    """Entry point of the command line."""
    flags.mark_flag_as_required("c_api_model_dir")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    app.run(main)


if __name__ == "__main__":
    console_main()
