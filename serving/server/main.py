"""Serves a SavedModel over the TensorFlow Serving API, with ScaNN's ops inside.

    python -m serving.server --model_name=movielens --model_base_path=models/movielens \
        --port=8500 --rest_api_port=8501

Flags have the names, meanings and defaults of tensorflow_model_server. The model is found under
`<model_base_path>/<integer>/`; a newer version that appears there replaces the one that serves.
SIGTERM and SIGINT stop the server after the requests under way; its exit code is then 0.
"""

import gc
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Sequence

from absl import app, flags, logging

from serving.server import server_config, start_checks

_PORT = flags.DEFINE_integer("port", 8500, "TCP port for the gRPC API. Disabled if zero.")
_REST_API_PORT = flags.DEFINE_integer(
    "rest_api_port", 0, "TCP port for the REST API. Disabled if zero. Must differ from --port."
)
_REST_API_NUM_THREADS = flags.DEFINE_integer(
    "rest_api_num_threads", server_config.default_num_threads(), "REST requests that run at once."
)
_REST_API_TIMEOUT_IN_MS = flags.DEFINE_integer(
    "rest_api_timeout_in_ms", 30_000, "Longest time for an answer over REST, in milliseconds."
)
_GRPC_MAX_THREADS = flags.DEFINE_integer(
    "grpc_max_threads", server_config.default_num_threads(), "gRPC requests that run at once."
)
_MODEL_NAME = flags.DEFINE_string("model_name", "default", "Name under which the model is served.")
_MODEL_BASE_PATH = flags.DEFINE_string(
    "model_base_path", None, "Folder that holds the versions, each a folder named by an integer. Required."
)
_FILE_SYSTEM_POLL_WAIT_SECONDS = flags.DEFINE_float(
    "file_system_poll_wait_seconds", 1.0, "Seconds between looks for new versions. Zero looks once, at the start."
)
_MAX_NUM_LOAD_RETRIES = flags.DEFINE_integer(
    "max_num_load_retries", 5, "Attempts to load a version after the first failed one."
)
_LOAD_RETRY_INTERVAL_MICROS = flags.DEFINE_integer(
    "load_retry_interval_micros", 60_000_000, "Microseconds before each further attempt. Negative does not wait."
)
_ENABLE_MODEL_WARMUP = flags.DEFINE_bool(
    "enable_model_warmup", True, "Replay assets.extra/tf_serving_warmup_requests before a version becomes available."
)
_SAVED_MODEL_TAGS = flags.DEFINE_string("saved_model_tags", "serve", "Comma-separated tags of the MetaGraph to load.")
_SHUTDOWN_GRACE_SECONDS = flags.DEFINE_float(
    "shutdown_grace_seconds", 20.0, "Longest wait for requests under way when the server is told to stop."
)


def config_from_flags() -> server_config.ServerConfig:
    """Returns the checked options of the command line.

    Raises:
      ServerConfigError: if one is missing, out of range or clashes with another.
    """
    if not _MODEL_BASE_PATH.value:
        raise server_config.ServerConfigError(
            "--model_base_path is required: the folder that holds the version folders, such as 1."
        )
    return server_config.ServerConfig(
        model_base_path=pathlib.Path(_MODEL_BASE_PATH.value),
        model_name=_MODEL_NAME.value,
        port=_PORT.value,
        rest_api_port=_REST_API_PORT.value,
        grpc_max_threads=_GRPC_MAX_THREADS.value,
        rest_api_num_threads=_REST_API_NUM_THREADS.value,
        rest_api_timeout_in_ms=_REST_API_TIMEOUT_IN_MS.value,
        file_system_poll_wait_seconds=_FILE_SYSTEM_POLL_WAIT_SECONDS.value,
        max_num_load_retries=_MAX_NUM_LOAD_RETRIES.value,
        load_retry_interval_micros=_LOAD_RETRY_INTERVAL_MICROS.value,
        enable_model_warmup=_ENABLE_MODEL_WARMUP.value,
        saved_model_tags=tuple(_SAVED_MODEL_TAGS.value.split(",")),
        shutdown_grace_seconds=_SHUTDOWN_GRACE_SECONDS.value,
    )


def run(config: server_config.ServerConfig) -> None:
    """Serves until the process gets SIGTERM or SIGINT.

    Raises:
      ServerStartError, ServingError: if it cannot start.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    # TensorFlow's notes on the machine would bury the server's own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    start_checks.check(config)
    # Importing TensorFlow takes seconds; what is wrong with the flags is told before.
    import tensorflow as tf

    from serving.server import model_server

    # The session loader's notes on deprecation are not for the user of this server.
    tf.get_logger().setLevel("ERROR")
    # What was imported stays. Left to the garbage collector, each collection would look at all of it
    # again and hold up every request for some tenths of a second.
    gc.freeze()
    if not model_server.serve_until(config, stopped.is_set):
        # Python would wait for the threads of what is stuck before it exits.
        logging.warning("The grace time is over; leaving what still runs")
        logging.flush()
        os._exit(0)


def main(argv: Sequence[str]) -> None:
    """Serves, or ends with one line on stderr and exit code 1."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.INFO)
    try:
        if len(argv) > 1:
            raise server_config.ServerConfigError(
                f"Unexpected argument {argv[1]!r}; every option is a flag, --name=value."
            )
        run(config_from_flags())
    except ValueError as error:
        # Only this package's errors are the user's to mend; any other is a defect and keeps its traceback.
        if not type(error).__module__.startswith("serving."):
            raise
        print(f"ERROR: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        sys.exit(1)


def console_main() -> None:
    """Entry point of the command line."""
    app.run(main)


if __name__ == "__main__":
    console_main()
