"""The command line of the model server: tensorflow_model_server's flags, and a few of its own."""

import dataclasses
import pathlib
import textwrap

from absl import flags

from serving.server import log_lines, refused_flags, server_config

flags.DEFINE_integer("port", 8500, "TCP port for the gRPC API. Disabled if zero.")
flags.DEFINE_string("grpc_socket_path", "", "Unix socket for the gRPC API, beside the port.")
flags.DEFINE_integer("grpc_max_threads", server_config.default_num_threads(), "gRPC requests that run at once.")
flags.DEFINE_list("grpc_channel_arguments", [], "Options of the gRPC library, such as grpc.max_connection_age_ms=2000.")
flags.DEFINE_bool("enable_grpc_healthcheck_service", False, "Answer grpc.health.v1.Health on the gRPC port.")
flags.DEFINE_string(
    "ssl_config_file", "", "SSLConfig as text protobuf: encrypts gRPC. REST then listens on loopback only."
)
flags.DEFINE_integer("rest_api_port", 0, "TCP port for the REST API. Disabled if zero. Must differ from --port.")
flags.DEFINE_string("rest_api_address", "", "Address REST listens on. Empty: all, or 127.0.0.1 with --ssl_config_file.")
flags.DEFINE_integer("rest_api_num_threads", server_config.default_num_threads(), "REST requests that run at once.")
flags.DEFINE_integer("rest_api_timeout_in_ms", 30_000, "Longest time for a REST request to arrive, and for its answer.")
flags.DEFINE_bool("rest_api_enable_cors_support", False, "Let pages of other origins read the answers of the REST API.")
flags.DEFINE_string(
    "monitoring_config_file", "", "MonitoringConfig as text protobuf: where the REST port has metrics for Prometheus."
)
flags.DEFINE_bool("explorer", False, "Have a page at / of the REST port that asks the models and shows their answers.")
flags.DEFINE_string(
    "explorer_histories",
    "",
    "Parquet file of query_id, candidate_id and timestamp, such as interactions.parquet of prepared data: the explorer "
    "then shows what a query chose to whoever reaches the REST port.",
)

flags.DEFINE_string("model_name", "default", "Name under which the model is served.")
flags.DEFINE_string("model_base_path", None, "Folder that holds the versions, each a folder named by an integer.")
flags.DEFINE_string(
    "model_config_file",
    "",
    "ModelServerConfig as text protobuf: several models, version policies, labels. --model_name and --model_base_path "
    "are then ignored.",
)
flags.DEFINE_integer(
    "model_config_file_poll_wait_seconds", 0, "Seconds between looks at that file. Zero reads it once."
)
flags.DEFINE_bool(
    "allow_version_labels_for_unavailable_models", False, "Let a label not in use point to what does not serve yet."
)
flags.DEFINE_float(
    "file_system_poll_wait_seconds", 1.0, "Seconds between looks for new versions. Zero looks once, at the start."
)
flags.DEFINE_integer("max_num_load_retries", 5, "Attempts to load a version after the first failed one.")
flags.DEFINE_integer(
    "load_retry_interval_micros", 60_000_000, "Microseconds before each further attempt. Negative does not wait."
)
flags.DEFINE_integer("num_load_threads", 0, "Versions of different models that are loaded at once. Zero counts as one.")
flags.DEFINE_integer(
    "num_unload_threads", 0, "Versions of different models that are unloaded at once. Zero counts as one."
)
flags.DEFINE_bool("flush_filesystem_caches", True, "Drop a version's files from the page cache once it is loaded.")
flags.DEFINE_bool(
    "enable_model_warmup", True, "Replay assets.extra/tf_serving_warmup_requests before a version becomes available."
)
flags.DEFINE_integer(
    "num_request_iterations_for_warmup", 0, "How often each record of it is replayed. Zero counts as one."
)
flags.DEFINE_string("saved_model_tags", "serve", "Comma-separated tags of the MetaGraph to load.")

flags.DEFINE_integer(
    "tensorflow_session_parallelism", 0, "Sets the two flags below to one number. Zero leaves them alone."
)
flags.DEFINE_integer("tensorflow_intra_op_parallelism", 0, "Threads of one operation. Zero: as many as there are CPUs.")
flags.DEFINE_integer(
    "tensorflow_inter_op_parallelism", 0, "Operations that run at once. Zero: as many as there are CPUs."
)
flags.DEFINE_string(
    "tensorflow_session_config_file", "", "ConfigProto as text protobuf; the flags beside it count for more."
)
flags.DEFINE_float(
    "per_process_gpu_memory_fraction", 0.0, "Share of each GPU's memory to take. Zero: TensorFlow's own choice."
)
flags.DEFINE_bool(
    "enable_signature_method_name_check", False, "Let Classify and Regress ask signatures made for them only."
)
flags.DEFINE_bool(
    "enable_serialization_as_tensor_content", False, "Answer Predict over gRPC with bytes instead of typed fields."
)

flags.DEFINE_bool("enable_batching", False, "Run requests of several callers together.")
flags.DEFINE_string("batching_parameters_file", "", "BatchingParameters as text protobuf, instead of the defaults.")

flags.DEFINE_integer(
    "max_queued_requests", 1000, "Requests of each API that may wait for a thread; further ones are refused."
)
flags.DEFINE_integer("max_request_bytes", (1 << 31) - 1, "Size of the largest request.")
flags.DEFINE_integer("max_request_rows", 0, "Most rows of a request. Zero: any number.")
flags.DEFINE_float(
    "shutdown_grace_seconds", 20.0, "Longest wait for requests under way when the server is told to stop."
)

flags.DEFINE_enum("log_format", "text", log_lines.FORMATS, "How the server's log lines look; json has an object each.")
flags.DEFINE_enum(
    "log_requests", "none", log_lines.LOGGED, "Which requests have a log line, with request id, status and latency."
)
flags.DEFINE_string(
    "request_log_dir",
    "",
    "Folder for a sample of requests and answers, as TFRecord files of PredictionLog below the model's name. A model's "
    "logging_config in --model_config_file counts for more.",
)
flags.DEFINE_float("request_log_sampling_rate", 0.01, "Share of the requests in --request_log_dir.")

_MAX_INT = 1 << 31
_PATHS = (
    *("model_base_path", "model_config_file", "ssl_config_file", "monitoring_config_file"),
    *("batching_parameters_file", "tensorflow_session_config_file", "request_log_dir", "explorer_histories"),
)
# In which order `--help` shows them; those below the last heading tensorflow_model_server does not have.
GROUPS = {
    "Ports": (
        *("port", "grpc_socket_path", "grpc_max_threads", "grpc_channel_arguments", "enable_grpc_healthcheck_service"),
        *("ssl_config_file", "rest_api_port", "rest_api_address", "rest_api_num_threads", "rest_api_timeout_in_ms"),
        *("rest_api_enable_cors_support", "monitoring_config_file"),
    ),
    "Explorer page": ("explorer", "explorer_histories"),
    "Models and versions": (
        *("model_name", "model_base_path", "model_config_file", "model_config_file_poll_wait_seconds"),
        *("allow_version_labels_for_unavailable_models", "file_system_poll_wait_seconds", "max_num_load_retries"),
        *("load_retry_interval_micros", "num_load_threads", "num_unload_threads", "flush_filesystem_caches"),
        *("enable_model_warmup", "num_request_iterations_for_warmup", "saved_model_tags"),
    ),
    "TensorFlow": (
        *("tensorflow_session_parallelism", "tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"),
        *("tensorflow_session_config_file", "per_process_gpu_memory_fraction", "enable_signature_method_name_check"),
        *("enable_serialization_as_tensor_content", "xla_cpu_compilation_enabled", "xla_gpu_compilation_enabled"),
    ),
    "Batching": ("enable_batching", "batching_parameters_file"),
    "Limits": ("max_queued_requests", "max_request_bytes", "max_request_rows", "shutdown_grace_seconds"),
    "Logs": ("log_format", "log_requests", "request_log_dir", "request_log_sampling_rate"),
    "Of tensorflow_model_server, but not here": refused_flags.NAMES,
}


def config_from_flags() -> server_config.ServerConfig:
    """Returns the checked options of the command line.

    Raises:
      ServerConfigError: if one is missing, out of range, not offered here or clashes with another.
    """
    refused_flags.check()
    # The fields of the configuration are named like the flags.
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(server_config.ServerConfig)}
    values |= {name: pathlib.Path(values[name]) if values[name] else None for name in _PATHS}
    values["saved_model_tags"] = tuple(values["saved_model_tags"].split(","))
    values["grpc_channel_arguments"] = _channel_arguments(values["grpc_channel_arguments"])
    parallelism = flags.FLAGS["tensorflow_session_parallelism"].value
    for name in ("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism"):
        values[name] = values[name] or parallelism
    return server_config.ServerConfig(**values)


def grouped_help() -> str:
    """Returns what `--help` prints: every flag with its default, by subject."""
    lines = []
    for title, names in GROUPS.items():
        lines += [f"\n{title}:"]
        for name in names:
            flag = flags.FLAGS[name]
            text = f"{flag.help} (default: {flag.default_as_str or 'none'})"
            lines += textwrap.wrap(f"--{name}: {text}", 110, initial_indent="  ", subsequent_indent="      ")
    return "\n".join(lines) + "\n"


def _channel_arguments(pairs: list[str]) -> dict[str, int | str]:
    """Returns the options; what reads as a number of 32 bits is one, as in server.cc of TensorFlow Serving."""
    arguments: dict[str, int | str] = {}
    for pair in pairs:
        name, is_pair, value = pair.partition("=")
        if not is_pair or not name:
            raise server_config.ServerConfigError(
                f"--grpc_channel_arguments must be pairs such as grpc.max_connection_age_ms=2000, but {pair!r} is none."
            )
        is_number = value.removeprefix("-").isdecimal() and abs(int(value)) < _MAX_INT
        arguments[name] = int(value) if is_number else value
    return arguments
