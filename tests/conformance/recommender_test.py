"""The contract on an export of this project: many inputs with defaults, answers of three types."""

import json

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.conformance import export_models, requests
from tests.conformance.citations import Source, cites

_PATH = "/v1/models/recommender:predict"
_SPEC = requests.spec("recommender")
_K = 5
# Every input: TensorFlow Serving's REST API wants them all.
_COLUMNS = {
    "query_id": ["shopper-1", "stranger"],
    "history": [["item-1", "item-5"], ["", ""]],
    "parity": ["odd", ""],
    "use_precomputed": [False, False],
    "k": [_K, _K],
    "exclude_candidate_ids": [["item-48"], [""]],
    "allow_candidate_ids": [[], []],
    "filter_tags": [[], []],
}
_ROWS = [{name: values[row] for name, values in _COLUMNS.items()} for row in (0, 1)]
_DTYPES = {"k": np.int32, "use_precomputed": np.bool_}


def _arrays(columns):
    def encoded(values):
        return [encoded(each) for each in values] if isinstance(values, list) else values.encode()

    return {
        name: np.array(values, _DTYPES[name]) if name in _DTYPES else np.array(encoded(values), object)
        for name, values in columns.items()
    }


def _outputs(prediction, columns, spec=_SPEC):
    return prediction.Predict(requests.predict(spec, _arrays(columns)), timeout=30).outputs


def _kept():
    """Returns requests, and what the export answered on the day that it was published."""
    return json.loads((export_models.RECOMMENDER.parent / "format2_brute_force.json").read_text())


@cites(Source.SAVED_MODEL_UTIL, "GetInputValues: SignatureDef.defaults fill in what a request leaves out")
@pytest.mark.parametrize("kept", _kept(), ids=["a batch", "with restrictions"])
def test_over_grpc_the_answers_are_those_of_the_day_it_was_published(prediction, kept):
    outputs = {name: tf.make_ndarray(each) for name, each in _outputs(prediction, kept["request"]).items()}
    assert [[each.decode() for each in row] for row in outputs["candidate_ids"]] == kept["candidate_ids"]
    np.testing.assert_allclose(outputs["scores"], kept["scores"], atol=1e-6)


@cites(Source.PREDICT_UTIL, "PostProcessPredictionResult: each output in the field of its dtype")
def test_ids_scores_and_flags_come_in_their_fields(prediction):
    outputs = _outputs(prediction, _COLUMNS)
    assert sorted(outputs) == ["candidate_ids", "scores", "valid"]
    assert [dim.size for dim in outputs["candidate_ids"].tensor_shape.dim] == [2, _K]
    assert len(outputs["candidate_ids"].string_val) == 2 * _K
    assert len(outputs["scores"].float_val) == 2 * _K
    assert list(outputs["valid"].bool_val) == [True] * 2 * _K
    assert b"item-48" not in outputs["candidate_ids"].string_val[:_K]


@cites(Source.API_REST, "Specifying input tensors in row format, in column format; Response format")
def test_rows_columns_and_grpc_give_the_same_answer(rest, prediction):
    over_grpc = {name: tf.make_ndarray(each) for name, each in _outputs(prediction, _COLUMNS).items()}
    columns = rest.post(_PATH, content=json.dumps({"inputs": _COLUMNS})).json()["outputs"]
    rows = rest.post(_PATH, content=json.dumps({"instances": _ROWS})).json()["predictions"]
    assert columns["candidate_ids"] == [[each.decode() for each in row] for row in over_grpc["candidate_ids"]]
    assert columns["valid"] == over_grpc["valid"].tolist()
    # Written so that they are read back as the same float32.
    np.testing.assert_array_equal(np.float32(columns["scores"]), over_grpc["scores"])
    assert rows == [{name: columns[name][row] for name in columns} for row in (0, 1)]


@cites(Source.SAVED_MODEL_UTIL, "GetInputValues: Inputs contains invalid name")
def test_over_grpc_a_name_that_is_none_is_told(prediction):
    with pytest.raises(grpc.RpcError) as refused:
        _outputs(prediction, {"query_id": ["shopper-1"], "histroy": [["item-1"]]})
    assert refused.value.details() == (
        "Inputs contains invalid name. Used request inputs: query_id, request input: histroy,query_id"
    )
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@cites(Source.PREDICT_UTIL, "RunPredict: the status of Session::Run is that of the request")
def test_what_the_graph_refuses_is_an_invalid_argument_over_both_protocols(rest, prediction):
    columns = {**_COLUMNS, "k": [0, 0]}
    with pytest.raises(grpc.RpcError) as refused:
        _outputs(prediction, columns)
    response = rest.post(_PATH, content=json.dumps({"inputs": columns}))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert response.status_code == 400
    assert "k must be between 1 and 80" in refused.value.details()
    assert "k must be between 1 and 80" in response.json()["error"]


@cites(Source.PREDICT_UTIL, "RunPredict: the signature of ModelSpec")
def test_neighbours_are_another_signature(prediction, rest):
    columns = {"candidate_id": ["item-1"], "k": [3]}
    outputs = _outputs(prediction, columns, requests.spec("recommender", "similar_candidates"))
    over_grpc = [each.decode() for each in outputs["candidate_ids"].string_val]
    restrictions = {name: [[]] for name in ("exclude_candidate_ids", "allow_candidate_ids", "filter_tags")}
    document = {"signature_name": "similar_candidates", "inputs": {**columns, **restrictions}}
    assert rest.post(_PATH, content=json.dumps(document)).json()["outputs"]["candidate_ids"] == [over_grpc]
    assert len(over_grpc) == 3
    assert "item-1" not in over_grpc


@cites(Source.METADATA_PROTO, "SignatureDefMap; SignatureDef.defaults of tensorflow/core/protobuf/meta_graph.proto")
def test_metadata_lists_every_signature_and_its_defaults(prediction, rest):
    response = prediction.GetModelMetadata(requests.metadata(_SPEC, "signature_def"), timeout=10)
    listed = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(listed)
    assert {name for name in listed.signature_def if not name.startswith("__")} == {
        *("serving_default", "serving_tf_example", "score", "similar_candidates", "embed_query", "embed_candidates")
    }
    assert "k" in listed.signature_def["serving_default"].defaults
    over_rest = rest.get("/v1/models/recommender/metadata").json()["metadata"]["signature_def"]["signature_def"]
    assert set(over_rest) == set(listed.signature_def)
    assert over_rest["serving_default"]["inputs"]["k"]["dtype"] == "DT_INT32"


@cites(Source.API_REST, "Model status API")
def test_its_status_is_available(rest):
    (status,) = rest.get("/v1/models/recommender").json()["model_version_status"]
    assert (status["version"], status["state"]) == ("1", "AVAILABLE")
