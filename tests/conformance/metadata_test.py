"""GetModelMetadata, over gRPC and REST."""

import re

import grpc
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.conformance import models, requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, RestRefusal, error_body, id_of

_TWO = requests.spec("half_plus_two")


def _signatures(prediction, spec):
    response = prediction.GetModelMetadata(requests.metadata(spec, "signature_def"), timeout=10)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    return response, signatures.signature_def


@cites(Source.GET_MODEL_METADATA, "SavedModelGetSignatureDef: name and version of the servable, no signature")
@cites(Source.METADATA_PROTO, "GetModelMetadataResponse")
def test_the_answer_names_the_model_and_the_version(prediction):
    response, _ = _signatures(prediction, _TWO)
    assert (response.model_spec.name, response.model_spec.version.value) == ("half_plus_two", 123)
    assert response.model_spec.signature_name == ""
    assert list(response.metadata) == ["signature_def"]
    assert response.metadata["signature_def"].type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"


@cites(Source.HALF_PLUS_TWO, "signature_def_map")
def test_every_signature_is_there_with_its_method_and_its_tensors(prediction):
    _, signatures = _signatures(prediction, _TWO)
    assert {name: signature.method_name for name, signature in signatures.items()} == {
        "serving_default": models.PREDICT,
        "classify_x_to_y": models.CLASSIFY,
        "regress_x_to_y": models.REGRESS,
        "regress_x_to_y2": models.REGRESS,
        "regress_x2_to_y3": models.REGRESS,
        models.REGRESS: models.REGRESS,
    }
    x = signatures["serving_default"].inputs["x"]
    assert (x.name, x.dtype, [dim.size for dim in x.tensor_shape.dim]) == ("x:0", types_pb2.DT_FLOAT, [-1, 1])
    assert signatures["regress_x_to_y"].outputs["outputs"].name == "y:0"
    assert signatures["classify_x_to_y"].inputs["inputs"].dtype == types_pb2.DT_STRING


@cites(Source.GET_MODEL_METADATA, "GetModelMetadataWithModelSpec: each field that is asked for")
def test_a_field_may_be_asked_for_twice(prediction):
    request = requests.metadata(_TWO, "signature_def", "signature_def")
    assert list(prediction.GetModelMetadata(request, timeout=10).metadata) == ["signature_def"]


@cites(Source.REST_HANDLER_TEST, "GetModelMetadata")
@cites(Source.REST_UTIL, "ToJsonString(GetModelMetadataResponse): preserve_proto_field_names")
@pytest.mark.parametrize(
    "path", ["/v1/models/half_plus_two/metadata", "/v1/models/half_plus_two/versions/123/metadata"]
)
def test_over_rest_names_are_those_of_the_protos_and_int64_are_strings(rest, path):
    response = rest.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"model_spec", "metadata"}
    assert answer["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["method_name"] == models.PREDICT
    assert signatures["serving_default"]["inputs"]["x"] == {
        "name": "x:0",
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}], "unknown_rank": False},
    }


@cites(Source.REST_UTIL, "ToJsonString(GetModelMetadataResponse): the parts are put together as text")
def test_over_rest_the_parts_are_put_together_as_text(rest):
    body = rest.get("/v1/models/half_plus_two/metadata").text
    # Each part ends with the line break of protobuf's printer.
    parts = r'\{\n"model_spec":\{\n "name": "half_plus_two",\n(?: .*\n)+\}\n,\n"metadata": \{"signature_def": \{\n '
    assert re.match(parts, body)
    assert body.endswith("\n}\n}\n}\n")


@cites(Source.METADATA_PROTO, "SignatureDefMap; TensorInfo.tensor_shape.unknown_rank")
def test_a_tensor_of_unknown_rank_says_so(prediction, rest):
    _, signatures = _signatures(prediction, requests.spec("types"))
    assert signatures["float32"].inputs["values"].tensor_shape.unknown_rank
    answer = rest.get("/v1/models/types/metadata").json()
    shape = answer["metadata"]["signature_def"]["signature_def"]["float32"]["inputs"]["values"]["tensor_shape"]
    assert shape == {"dim": [], "unknown_rank": True}


_NOT_FOUND = cite(Source.BASIC_MANAGER, "ServingMap::GetUntypedServableHandle")
_REFUSED = [
    GrpcRefusal(
        requests.metadata(None),
        grpc.StatusCode.INVALID_ARGUMENT,
        "Missing ModelSpec",
        cite(Source.GET_MODEL_METADATA, "GetModelMetadata"),
    ),
    GrpcRefusal(
        requests.metadata(_TWO),
        grpc.StatusCode.INVALID_ARGUMENT,
        "GetModelMetadataRequest must specify at least one metadata_field",
        cite(Source.GET_MODEL_METADATA, "ValidateGetModelMetadataRequest"),
    ),
    GrpcRefusal(
        requests.metadata(requests.spec(""), "signature_def"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "ModelSpec has no name specified.",
        cite(Source.SERVER_CORE, "ServableRequestFromModelSpec"),
    ),
    GrpcRefusal(
        requests.metadata(requests.spec("absent"), "signature_def"),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Latest(absent)",
        _NOT_FOUND,
    ),
    GrpcRefusal(
        requests.metadata(requests.spec("half_plus_two", version=9), "signature_def"),
        grpc.StatusCode.NOT_FOUND,
        "Servable not found for request: Specific(half_plus_two, 9)",
        _NOT_FOUND,
    ),
]
_REFUSED_OVER_REST = [
    RestRefusal("/v1/models/absent/metadata", None, "Servable not found for request: Latest(absent)", _NOT_FOUND, 404),
    RestRefusal(
        "/v1/models/half_plus_two/versions/9/metadata",
        None,
        "Servable not found for request: Specific(half_plus_two, 9)",
        _NOT_FOUND,
        404,
    ),
    RestRefusal(
        "/v1/models/half_plus_two/labels/nonexistent/metadata",
        None,
        "Unrecognized servable version label: nonexistent",
        cite(Source.SERVER_CORE, "GetModelVersionForLabel"),
    ),
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=id_of)
def test_a_wrong_request_is_refused_over_grpc(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.GetModelMetadata(refusal.request, timeout=10)
    assert refused.value.details() == refusal.text
    assert refused.value.code() is refusal.code


@pytest.mark.parametrize("refusal", _REFUSED_OVER_REST, ids=id_of)
def test_a_wrong_request_is_refused_over_rest(rest, refusal):
    response = rest.get(refusal.path)
    assert response.text == error_body(refusal.text)
    assert response.status_code == refusal.status
