"""Says of each expectation where it is from, and finds those that do not.

    @cites(Source.JSON_TENSOR, "ParseJson")
    def test_...

A test over a table names the table's rows; each row then has a `citation` of its own, made by `cite`.
"""

import enum
import inspect
import types
from collections.abc import Callable, Iterator


class Source(enum.StrEnum):
    """Files that expectations are from: TensorFlow Serving's, TensorFlow's and what they are built on."""

    API_REST = "tensorflow_serving/g3doc/api_rest.md"
    SERVING_CONFIG = "tensorflow_serving/g3doc/serving_config.md"
    PREDICT_PROTO = "tensorflow_serving/apis/predict.proto"
    MODEL_PROTO = "tensorflow_serving/apis/model.proto"
    CLASSIFICATION_PROTO = "tensorflow_serving/apis/classification.proto"
    INFERENCE_PROTO = "tensorflow_serving/apis/inference.proto"
    INPUT_PROTO = "tensorflow_serving/apis/input.proto"
    METADATA_PROTO = "tensorflow_serving/apis/get_model_metadata.proto"
    STATUS_PROTO = "tensorflow_serving/apis/get_model_status.proto"
    MODEL_MANAGEMENT_PROTO = "tensorflow_serving/apis/model_management.proto"
    CONFIG_PROTO = "tensorflow_serving/config/model_server_config.proto"
    VERSION_POLICY_PROTO = "tensorflow_serving/config/file_system_storage_path_source.proto"
    MONITORING_PROTO = "tensorflow_serving/config/monitoring_config.proto"
    BASIC_MANAGER = "tensorflow_serving/core/basic_manager.cc"
    SERVABLE_STATE_MONITOR = "tensorflow_serving/core/servable_state_monitor.h"
    GET_MODEL_STATUS = "tensorflow_serving/model_servers/get_model_status_impl.cc"
    GRPC_STATUS = "tensorflow_serving/model_servers/grpc_status_util.cc"
    REST_HANDLER = "tensorflow_serving/model_servers/http_rest_api_handler.cc"
    REST_HANDLER_TEST = "tensorflow_serving/model_servers/http_rest_api_handler_test.cc"
    REST_UTIL = "tensorflow_serving/model_servers/http_rest_api_util.cc"
    REST_UTIL_TEST = "tensorflow_serving/model_servers/http_rest_api_util_test.cc"
    HTTP_SERVER = "tensorflow_serving/model_servers/http_server.cc"
    MAIN = "tensorflow_serving/model_servers/main.cc"
    MODEL_SERVER_TEST = "tensorflow_serving/model_servers/tensorflow_model_server_test.py"
    MODEL_SERVICE = "tensorflow_serving/model_servers/model_service_impl.cc"
    PREDICTION_SERVICE = "tensorflow_serving/model_servers/prediction_service_impl.cc"
    SERVER = "tensorflow_serving/model_servers/server.cc"
    SERVER_CORE = "tensorflow_serving/model_servers/server_core.cc"
    SERVER_CORE_TEST = "tensorflow_serving/model_servers/server_core_test.cc"
    CLASSIFICATION_SERVICE = "tensorflow_serving/servables/tensorflow/classification_service.cc"
    CLASSIFIER = "tensorflow_serving/servables/tensorflow/classifier.cc"
    GET_MODEL_METADATA = "tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc"
    MULTI_INFERENCE = "tensorflow_serving/servables/tensorflow/multi_inference.cc"
    MULTI_INFERENCE_HELPER = "tensorflow_serving/servables/tensorflow/multi_inference_helper.cc"
    MULTI_INFERENCE_TEST = "tensorflow_serving/servables/tensorflow/multi_inference_test.cc"
    PREDICT_IMPL = "tensorflow_serving/servables/tensorflow/predict_impl.cc"
    PREDICT_UTIL = "tensorflow_serving/servables/tensorflow/predict_util.cc"
    REGRESSION_SERVICE = "tensorflow_serving/servables/tensorflow/regression_service.cc"
    REGRESSOR = "tensorflow_serving/servables/tensorflow/regressor.cc"
    SERVABLE_UTIL = "tensorflow_serving/servables/tensorflow/util.cc"
    EXPORT_COUNTER = "tensorflow_serving/servables/tensorflow/testdata/export_counter.py"
    HALF_PLUS_TWO = "tensorflow_serving/servables/tensorflow/testdata/saved_model_half_plus_two.py"
    JSON_TENSOR = "tensorflow_serving/util/json_tensor.cc"
    JSON_TENSOR_TEST = "tensorflow_serving/util/json_tensor_test.cc"
    EVHTTP_REQUEST = "tensorflow_serving/util/net_http/server/internal/evhttp_request.cc"
    EVHTTP_SERVER = "tensorflow_serving/util/net_http/server/internal/evhttp_server.cc"
    HTTP_SERVER_INTERFACE = "tensorflow_serving/util/net_http/server/public/httpserver_interface.h"
    PROMETHEUS_EXPORTER = "tensorflow_serving/util/prometheus_exporter.cc"
    PROMETHEUS_EXPORTER_TEST = "tensorflow_serving/util/prometheus_exporter_test.cc"
    SAVED_MODEL_UTIL = "tensorflow/cc/saved_model/util.cc"
    FUNCTION = "tensorflow/core/framework/function.cc"
    TENSOR = "tensorflow/core/framework/tensor.cc"
    EXAMPLE_PARSING = "tensorflow/core/util/example_proto_fast_parsing.cc"
    RAPIDJSON_ERRORS = "rapidjson/error/en.h"
    RAPIDJSON_READER = "rapidjson/reader.h"
    RAPIDJSON_STREAM = "rapidjson/encodedstream.h"
    RAPIDJSON_WRITER = "rapidjson/writer.h"
    RAPIDJSON_PRETTY_WRITER = "rapidjson/prettywriter.h"
    ABSL_ESCAPING = "absl/strings/escaping.cc"
    GRPC_HEALTH = "grpc/src/cpp/server/health/default_health_check_service.cc"
    HEALTH_PROTO = "grpc/health/v1/health.proto"
    OVMSCLIENT = "ovmsclient/README.md"
    CURL = "curl/docs/curl.1"


def cite(source: Source, place: str) -> str:
    """Returns a citation: a file, and the function, message or line in it.

    Raises:
      ValueError: if the file is not one of `Source`, or no place in it is named.
    """
    if not place.strip():
        raise ValueError(f"A citation names a place in {source}, such as a function, but names none.")
    return f"{Source(source)}: {place}"


def cites(source: Source, *places: str) -> Callable[[Callable], Callable]:
    """Decorates a test with where its expectation is from; several may be put one over the other."""

    def with_citations(test: Callable) -> Callable:
        test.citations = (*getattr(test, "citations", ()), *(cite(source, place) for place in places))
        return test

    return with_citations


def uncited_tests(module: types.ModuleType) -> list[str]:
    """Returns a sentence for each test of a module that does not say where its expectation is from."""
    return [
        f"{module.__name__}.{name} must say where its expectation is from: decorate it with citations.cites, or give "
        "each row of its table a `citation`."
        for name, test in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_") and not getattr(test, "citations", ()) and not _has_cited_rows(test)
    ]


def _has_cited_rows(test: Callable) -> bool:
    rows = list(_rows(test))
    return bool(rows) and all(getattr(row, "citation", "") for row in rows)


def _rows(test: Callable) -> Iterator[object]:
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize" and isinstance(mark.args[0], str):
            yield from mark.args[1]
