"""Whatever a server answers, reading it gives a result or a `ServingError`."""

import json

import hypothesis
from hypothesis import strategies as st
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from serving import errors
from serving.client import grpc_messages, model_info, model_request, model_spec, rest_messages

_MODEL = model_spec.ModelSpec("shop")
_TYPES = ("DT_FLOAT", "DT_HALF", "DT_INT8", "DT_INT64", "DT_UINT64", "DT_BOOL", "DT_STRING", "DT_BFLOAT16")
_OUTPUTS = {f"y{position}": model_info.TensorSpec(name, (None, 2)) for position, name in enumerate(_TYPES)}
_REQUESTS = {
    "model_version_status": model_request.StatusRequest(_MODEL),
    "metadata": model_request.MetadataRequest(_MODEL),
    "outputs": model_request.PredictRequest(_MODEL, "s", {}, model_info.Signature({}, _OUTPUTS)),
}
_NAMES = st.sampled_from(
    [
        *_OUTPUTS,
        *_REQUESTS,
        *("model_spec", "name", "version", "state", "status", "error_code", "error_message", "b64"),
        *("signature_def", "inputs", "s", "dtype", "tensor_shape", "dim", "size", "unknown_rank"),
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["1", "OK"])
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=10,
)
_STATUS = st.fixed_dictionaries({"version": _VALUES, "state": _VALUES, "status": _VALUES})
_METADATA = st.fixed_dictionaries({"signature_def": st.fixed_dictionaries({"signature_def": _VALUES})})
_DOCUMENTS = _VALUES | st.fixed_dictionaries(
    {
        "model_version_status": _VALUES | st.lists(_STATUS, max_size=2),
        "model_spec": _VALUES | st.just({"name": "shop", "version": "1"}),
        "metadata": _VALUES | _METADATA,
        "outputs": _VALUES | st.fixed_dictionaries(dict.fromkeys(_OUTPUTS, _VALUES)),
    }
)


def _read(module, *answer):
    """Lets everything through but a `ServingError` of one sentence, and not the whole answer."""
    try:
        module.read(*answer)
    except errors.ServingError as error:
        if not 10 < len(error.message) < 1000:
            raise


@hypothesis.settings(max_examples=300, deadline=None, derandomize=True)
@hypothesis.given(st.sampled_from(sorted(_REQUESTS)), _DOCUMENTS)
def test_any_json_is_read_or_refused(key, document):
    _read(rest_messages, _REQUESTS[key], 200, json.dumps(document).encode())


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(st.sampled_from(sorted(_REQUESTS)), st.integers(200, 599), st.binary(max_size=20))
def test_any_bytes_are_read_or_refused(key, status, body):
    _read(rest_messages, _REQUESTS[key], status, body)


_RESPONSES = {
    "model_version_status": get_model_status_pb2.GetModelStatusResponse,
    "metadata": get_model_metadata_pb2.GetModelMetadataResponse,
    "outputs": predict_pb2.PredictResponse,
}


@st.composite
def _predict_responses(draw):
    response = predict_pb2.PredictResponse()
    proto = response.outputs["y"]
    proto.dtype = draw(st.integers(0, 25))
    for size in draw(st.lists(st.integers(-1, 3), max_size=3)):
        proto.tensor_shape.dim.add().size = size
    proto.tensor_content = draw(st.binary(max_size=16))
    proto.float_val.extend(draw(st.lists(st.floats(width=32), max_size=4)))
    proto.int_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)))
    proto.half_val.extend(draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)))
    return response


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(_predict_responses())
def test_any_tensor_is_read_or_refused(response):
    _read(grpc_messages, _REQUESTS["outputs"], response)


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True)
@hypothesis.given(st.sampled_from(sorted(_REQUESTS)), st.binary(max_size=24))
def test_any_message_is_read_or_refused(key, data):
    response = _RESPONSES[key]()
    try:
        response.ParseFromString(data)
    except Exception:
        # gRPC itself refuses what is no such message.
        return
    _read(grpc_messages, _REQUESTS[key], response)
