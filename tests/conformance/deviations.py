"""Where the server of this repository answers otherwise than TensorFlow Serving, on purpose: the whole list.

Whatever is not in this table has to be as upstream's; what is merely not there yet is in `conftest.NOT_YET`.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable

import grpc
import httpx
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.conformance import export_models, requests
from tests.conformance.citations import Source, cite
from tests.conformance.refusals import error_body


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is answered.

    Attributes:
      code: HTTP status, or gRPC status code.
      text: the body, or the details of the status.
      is_part: whether `text` is only a part of it.
    """

    code: int | grpc.StatusCode
    text: str
    is_part: bool = False

    def covers(self, other: "Answer") -> bool:
        """Returns whether a server that gave the other answer gave this one."""
        return self.code == other.code and (self.text in other.text if self.is_part else self.text == other.text)


@dataclasses.dataclass(frozen=True)
class Deviation:
    """One difference.

    Attributes:
      name: what our server does.
      ask: sends the request, over either protocol.
      upstream: what TensorFlow Serving answers.
      ours: what our server answers.
      why: for what reason.
      citation: where upstream's answer is from.
    """

    name: str
    ask: Callable[[httpx.Client, prediction_service_pb2_grpc.PredictionServiceStub], Answer]
    upstream: Answer
    ours: Answer
    why: str
    citation: str


def _over_rest(path: str, document: object = None) -> Callable[..., Answer]:
    """Returns a call that GETs the path, or POSTs JSON (or text as it is) to it."""

    def ask(rest: httpx.Client, _: object) -> Answer:
        body = document if isinstance(document, str) else json.dumps(document)
        response = rest.get(path) if document is None else rest.post(path, content=body)
        return Answer(response.status_code, response.text)

    return ask


def _metadata_field(field: str) -> Callable[..., Answer]:
    def ask(_: object, prediction: prediction_service_pb2_grpc.PredictionServiceStub) -> Answer:
        try:
            prediction.GetModelMetadata(requests.metadata(requests.spec("half_plus_two"), field), timeout=10)
        except grpc.RpcError as error:
            return Answer(error.code(), error.details())
        return Answer(grpc.StatusCode.OK, "")

    return ask


def _counts_of_no_model(rest: httpx.Client, prediction: prediction_service_pb2_grpc.PredictionServiceStub) -> Answer:
    with contextlib.suppress(grpc.RpcError):
        prediction.Predict(requests.predict(requests.spec('no"model'), {"x": [1.0]}), timeout=10)
    page = rest.get(export_models.METRICS_PATH)
    return Answer(page.status_code, page.text)


def _status_body(*versions: int) -> str:
    lines = ",\n".join(
        f'  {{\n   "version": "{version}",\n   "state": "AVAILABLE",\n   "status": {{\n    "error_code": "OK",\n'
        '    "error_message": ""\n   }\n  }'
        for version in versions
    )
    return f'{{\n "model_version_status": [\n{lines}\n ]\n}}\n'


_RECOMMENDER = "/v1/models/recommender:predict"
_TYPES = "/v1/models/types:predict"
_LONG = "a" * 3000
_NEIGHBOURS = {
    "candidate_id": ["item-1"],
    "k": [3],
    "exclude_candidate_ids": [[]],
    "allow_candidate_ids": [[]],
    "filter_tags": [[]],
}

DEVIATIONS = (
    Deviation(
        "a row may leave out an input that has a default",
        _over_rest(_RECOMMENDER, {"instances": [{"query_id": "shopper-1", "history": ["item-1"]}]}),
        Answer(400, " keys must be equal to: ", is_part=True),
        Answer(200, '"predictions": [', is_part=True),
        "SignatureDef.defaults hold over gRPC; that REST ignores them makes a client list every filter it never uses.",
        cite(Source.JSON_TENSOR, "FillTensorMapFromInstancesList: input_names != object_keys"),
    ),
    Deviation(
        "columns may leave out an input that has a default",
        _over_rest(_RECOMMENDER, {"inputs": {"query_id": ["shopper-1"], "history": [["item-1"]]}}),
        Answer(400, "Missing named input: ", is_part=True),
        Answer(200, '"outputs": {', is_part=True),
        "As for rows.",
        cite(Source.JSON_TENSOR, "FillTensorMapFromInputsMap: Missing named input"),
    ),
    Deviation(
        "a name beside inputs with defaults that the signature does not have is refused",
        _over_rest(
            _RECOMMENDER,
            {"signature_name": "similar_candidates", "inputs": {**_NEIGHBOURS, "filter_tag": [["group1"]]}},
        ),
        Answer(200, '"outputs": {', is_part=True),
        Answer(
            400,
            error_body(
                "Signature has no input named filter_tag; its inputs are allow_candidate_ids,candidate_id,"
                "exclude_candidate_ids,filter_tags,k."
            ),
        ),
        "It may be a misspelt one of those with a default, and then a filter would be dropped in silence.",
        cite(Source.JSON_TENSOR, "FillTensorMapFromInputsMap: only the names of the signature are looked up"),
    ),
    Deviation(
        "an input of another rank than declared, which the graph refuses, is explained",
        _over_rest("/v1/models/counter:predict", {"signature_name": "incr_counter_by", "inputs": [1.0]}),
        Answer(
            400, '{\n    "error": "Cannot update variable with shape [] using a Tensor with shape [1]', is_part=True
        ),
        Answer(
            400, "Input 'delta' must be a number in 'inputs', such as {\\\"delta\\\": 1}, but came as a", is_part=True
        ),
        "The graph's own sentence speaks of its insides; it is quoted after the explanation.",
        cite(Source.PREDICT_UTIL, "RunPredict: Session::Run"),
    ),
    Deviation(
        "a query after the path is not read",
        _over_rest("/v1/models/half_plus_two:predict?trace=1", {"instances": [1.0]}),
        Answer(400, error_body("Malformed request: POST /v1/models/half_plus_two:predict?trace=1")),
        Answer(200, '{\n    "predictions": [2.5\n    ]\n}'),
        "Proxies and load balancers add queries of their own; no answer depends on them.",
        cite(Source.EVHTTP_REQUEST, "uri_path: path_and_query"),
    ),
    Deviation(
        "what is not under /v1/ is not found in JSON",
        _over_rest("/statuspage"),
        Answer(404, "<TITLE>404 Not Found</TITLE>", is_part=True),
        Answer(404, error_body("No such path: /statuspage; the API is under /v1/")),
        "Every error has one form, and this one says where the API is; upstream's is libevent's page in HTML.",
        cite(Source.EVHTTP_SERVER, "DispatchEvRequest: evhttp_send_error"),
    ),
    Deviation(
        "a number that a narrow integer cannot hold is refused",
        _over_rest(_TYPES, {"signature_name": "uint8", "inputs": 300}),
        Answer(200, '{\n    "outputs": 44\n}'),
        Answer(400, error_body("JSON Value: 300 Type: Number is not of expected type: uint8")),
        "Upstream checks for 32 bits only and lets the rest wrap around; nothing is changed in silence here.",
        cite(Source.JSON_TENSOR, "AddValueToTensor: DT_INT16, DT_INT8 and DT_UINT8 need IsInt"),
    ),
    Deviation(
        "a long value is quoted in an error only by its beginning",
        _over_rest("/v1/models/half_plus_two:predict", {"instances": [_LONG]}),
        Answer(400, f'JSON Value: \\"{_LONG}\\" Type: String', is_part=True),
        Answer(400, f'JSON Value: \\"{_LONG[:999]}... Type: String', is_part=True),
        "A request of many megabytes would come back as an error of as many.",
        cite(Source.JSON_TENSOR, "JsonValueToString: TODO truncate large values"),
    ),
    Deviation(
        "the status of a label is that of its version alone",
        _over_rest("/v1/models/labelled/labels/stable"),
        Answer(200, _status_body(124, 123)),
        Answer(200, _status_body(123)),
        "The documentation says so; upstream looks at the number of a version only and answers all of them.",
        cite(Source.GET_MODEL_STATUS, "GetModelStatusWithModelSpec: has_version"),
    ),
    Deviation(
        "a metadata field that is not there is named in the sentence",
        _metadata_field("weights"),
        Answer(grpc.StatusCode.INVALID_ARGUMENT, "Metadata field %s is not supportedweights"),
        Answer(grpc.StatusCode.INVALID_ARGUMENT, "Metadata field weights is not supported"),
        "Upstream passes a printf format to a function that puts its arguments one after the other.",
        cite(Source.GET_MODEL_METADATA, "ValidateGetModelMetadataRequest"),
    ),
    Deviation(
        "half precision is answered",
        _over_rest(_TYPES, {"signature_name": "to_half", "inputs": [1.5]}),
        Answer(400, error_body("Failed to write JSON value for tensor type: half")),
        Answer(200, '"outputs": [', is_part=True),
        "A model that answers in half precision can be asked over REST too; its numbers are decimals as any other.",
        cite(Source.API_REST, "JSON mapping: types not listed are unsupported"),
    ),
    Deviation(
        "requests for models that are not served are counted together",
        _counts_of_no_model,
        Answer(200, ':request_count{model_name="no\\"model",status="NOT_FOUND"} ', is_part=True),
        Answer(200, ':request_count{model_name="",status="NOT_FOUND"} ', is_part=True),
        "A counter is kept for each name, and names that clients make up would fill the memory.",
        cite(Source.SERVABLE_UTIL, "RecordModelRequestCount"),
    ),
)
