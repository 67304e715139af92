"""What each REST path answers over the loaded models: predictions, status and metadata. No sockets here."""

import dataclasses
import functools
import re
import urllib.parse
from collections.abc import Callable
from typing import Any, NamedTuple

from absl import logging
from google.protobuf import json_format, message
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    regression_pb2,
)

from serving import errors
from serving.server import cancellation as cancellation_lib
from serving.server import (
    classify,
    input_nesting,
    json_answer,
    json_document,
    json_examples,
    lent_version,
    model_registry,
    model_service,
    predict,
    prediction_service,
    regress,
    request_records,
    servable,
    tensor_json,
    worker_threads,
)

_VERSION_OR_LABEL = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
# As in http_rest_api_handler.cc of TensorFlow Serving, which compares paths in either case and what they name in one.
_PREDICT_PATH = re.compile(
    rf"(?i:/v1/models/(?P<model>[^/:]+){_VERSION_OR_LABEL}):(?P<verb>classify|regress|predict)", re.ASCII
)
_MODEL_PATH = re.compile(
    rf"(?i:/v1/models(?:/(?P<model>[^/:]+))?{_VERSION_OR_LABEL})(?:(?P<metadata>/metadata)|(?i:/metadata))?", re.ASCII
)
_MAX_VERSION = (1 << 63) - 1
# Clients ask the same few paths all the time.
_MOST_PATHS_KNOWN = 256


@dataclasses.dataclass(frozen=True)
class RestAnswer:
    """One HTTP answer.

    Attributes:
      http_status: status code.
      body: JSON, or what `content_type` says.
      content_type: media type of the body, with its charset where it is not JSON.
    """

    http_status: int
    body: bytes
    content_type: str = "application/json"


_Record = request_records.RequestRecord


class _Terms(NamedTuple):
    """On which terms a request is answered, see `ModelRegistry.lease`."""

    deadline: float | None
    cancellation: cancellation_lib.Cancellation | None


class RestApi:
    """Answers from the models of a registry. Calls may run at once from many threads."""

    def __init__(
        self,
        models: model_registry.ModelRegistry,
        records: request_records.RequestRecords,
        is_method_name_checked: bool = False,
    ):
        """Prepares the API.

        Args:
          models: what answers.
          records: learns of every request.
          is_method_name_checked: whether a signature answers only the method it was exported for.
        """
        self._models = models
        self._records = records
        self._is_method_name_checked = is_method_name_checked

    def answer(
        self,
        method: str,
        path: str,
        body: bytes,
        deadline: float | None = None,
        cancellation: cancellation_lib.Cancellation | None = None,
    ) -> RestAnswer:
        """Returns the answer to a request; what goes wrong becomes its status and `{"error": ...}`.

        Args:
          method: HTTP method.
          path: path as it came, still percent-encoded, without the query.
          body: JSON for a POST.
          deadline: when nobody waits any longer, on the monotonic clock; `None` for never.
          cancellation: tells that nobody does any more; `None` if nobody can say.

        Raises:
          ThreadNeededError: in a thread that refuses to wait, before anything is done that would have to.
        """
        try:
            return RestAnswer(200, self._find(method, path)(body, _Terms(deadline, cancellation)))
        except errors.ServingError as error:
            return error_answer(error)
        except worker_threads.ThreadNeededError:
            raise
        except MemoryError:
            return error_answer(errors.ResourceExhaustedError("The request needs more memory than the server has."))
        except Exception:
            logging.exception("%s %s failed", method, path)
            return error_answer(errors.InternalError(f"{method} {path} failed; the server's log says why."))

    def _find(self, method: str, path: str) -> Callable[[bytes, _Terms], bytes]:
        if method == "POST" and (asked := _asked_of(path)):
            return functools.partial(self._infer, *asked)
        if method == "GET" and (match := _MODEL_PATH.fullmatch(path)):
            if not match["model"]:
                raise errors.InvalidArgumentError("Missing model name in request.")
            model_spec = _model_spec(match)
            return lambda body, terms: self._metadata(model_spec) if match["metadata"] else self._status(model_spec)
        raise errors.InvalidArgumentError(f"Malformed request: {method} {path}")

    def _infer(self, verb: str, model_spec: model_pb2.ModelSpec, body: bytes, terms: _Terms) -> bytes:
        answers = {"predict": self._predict, "classify": self._classify, "regress": self._regress}
        # Names that clients make up would fill the memory.
        counted_name = model_spec.name if self._models.knows(model_spec.name) else ""
        with self._records.recording(counted_name, verb, "REST") as record:
            return answers[verb](model_spec, json_document.parse(body), terms, record)

    def _predict(
        self, model_spec: model_pb2.ModelSpec, document: dict[str, Any], terms: _Terms, record: _Record
    ) -> bytes:
        signature_name = tensor_json.signature_name(document)
        with self._models.lease(model_spec, "Predict", *terms) as model:
            record.version = model.version
            signature = _signature(model, signature_name)
            if self._is_method_name_checked:
                predict.require_method(model, signature_name or servable.DEFAULT_SIGNATURE_NAME)
            declared = signature.inputs
            data_types = {name: info.dtype for name, info in declared.items()}
            inputs = tensor_json.read_inputs(document, data_types, signature.defaults)
            try:
                outputs = model.run(signature_name, inputs.arrays)
            except errors.InvalidArgumentError as error:
                raise input_nesting.explain(error, inputs, declared) from error
            model.log("predict_log", lambda: predict.as_messages(signature_name, inputs.arrays, outputs))
        return json_answer.write_outputs(outputs, inputs.is_row_format)

    def _classify(
        self, model_spec: model_pb2.ModelSpec, document: dict[str, Any], terms: _Terms, record: _Record
    ) -> bytes:
        request = classification_pb2.ClassificationRequest(model_spec=model_spec)
        json_examples.fill(request, document)
        with self._models.lease(model_spec, "Classify", *terms) as model:
            record.version = model.version
            response = classify.classify(model, request, is_method_name_checked=self._is_method_name_checked)
            model.log("classify_log", lambda: (request, response))
        return json_answer.write_classifications(response.result)

    def _regress(
        self, model_spec: model_pb2.ModelSpec, document: dict[str, Any], terms: _Terms, record: _Record
    ) -> bytes:
        request = regression_pb2.RegressionRequest(model_spec=model_spec)
        json_examples.fill(request, document)
        with self._models.lease(model_spec, "Regress", *terms) as model:
            record.version = model.version
            response = regress.regress(model, request, is_method_name_checked=self._is_method_name_checked)
            model.log("regress_log", lambda: (request, response))
        return json_answer.write_regressions(response.result)

    def _status(self, model_spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=model_spec)
        return f"{_to_json(model_service.model_status(self._models, request))}\n".encode()

    def _metadata(self, model_spec: model_pb2.ModelSpec) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=model_spec, metadata_field=[prediction_service.SIGNATURE_DEF_FIELD]
        )
        response = prediction_service.model_metadata(self._models, request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[prediction_service.SIGNATURE_DEF_FIELD].Unpack(signatures)
        # Put together as in http_rest_api_util.cc, ToJsonString of a GetModelMetadataResponse.
        return (
            f'{{\n"model_spec":{_to_json(response.model_spec)}\n,\n'
            f'"metadata": {{"{prediction_service.SIGNATURE_DEF_FIELD}": {_to_json(signatures)}\n}}\n}}\n'
        ).encode()


def error_answer(error: errors.ServingError) -> RestAnswer:
    """Returns the answer that carries an error."""
    return RestAnswer(error.http_status, json_answer.write_error(error.message))


def _signature(model: lent_version.LentVersion, signature_name: str) -> meta_graph_pb2.SignatureDef:
    name = signature_name or servable.DEFAULT_SIGNATURE_NAME
    if name not in model.signature_defs:
        raise errors.InvalidArgumentError(f'Serving signature name: "{name}" not found in signature def')
    signature = model.signature_defs[name]
    if not signature.inputs:
        raise errors.InvalidArgumentError(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
    return signature


@functools.lru_cache(_MOST_PATHS_KNOWN)
def _asked_of(path: str) -> tuple[str, model_pb2.ModelSpec] | None:
    """Returns the verb of a path and the model it names, which nobody changes; `None` if it is no path of inference."""
    match = _PREDICT_PATH.fullmatch(path)
    return (match["verb"].lower(), _model_spec(match)) if match else None


def _model_spec(match: re.Match) -> model_pb2.ModelSpec:
    model_spec = model_pb2.ModelSpec(name=_decoded(match["model"]))
    if match["label"]:
        model_spec.version_label = _decoded(match["label"])
    elif match["version"]:
        if int(match["version"]) > _MAX_VERSION:
            raise errors.InvalidArgumentError(f"Failed to convert version: {match['version']} to numeric.")
        model_spec.version.value = int(match["version"])
    return model_spec


def _decoded(text: str) -> str:
    return urllib.parse.unquote(text, errors="replace")


def _to_json(proto: message.Message) -> str:
    return json_format.MessageToJson(
        proto, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=1
    )
