"""Serves a SavedModel over the TensorFlow Serving API, with ScaNN's ops inside.

    python -m serving.server --model_name=movielens --model_base_path=models/movielens \
        --port=8500 --rest_api_port=8501

Flags have the names, meanings and defaults of tensorflow_model_server. A model is found under
`<model_base_path>/<integer>/`; a newer version that appears there replaces the one that serves.
SIGTERM and SIGINT stop the server after the requests under way; its exit code is then 0.
"""

import gc
import importlib.metadata
import os
import resource
import signal
import sys
import threading
from collections.abc import Sequence

from absl import app, flags, logging

from serving.server import log_lines, server_config, server_flags, start_checks


def run(config: server_config.ServerConfig) -> None:
    """Serves until the process gets SIGTERM or SIGINT.

    Raises:
      ServerStartError, ServingError: if it cannot start.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    _allow_many_files()
    # TensorFlow's notes on the machine would bury the server's own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    log_lines.use(config.log_format)
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
    _give_up_what_cannot_be_logged()


def _give_up_what_cannot_be_logged() -> None:
    """Lets a log that cannot be written, on a full disk, end quietly; Python would make it exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _allow_many_files() -> None:
    """Takes as many open files, connections among them, as the system grants; shells grant few at first."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(argv: Sequence[str]) -> None:
    """Serves, or ends with one line on stderr and exit code 1."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.INFO)
    try:
        if len(argv) > 1:
            raise server_config.ServerConfigError(
                f"Unexpected argument {argv[1]!r}; every option is a flag, --name=value."
            )
        run(server_flags.config_from_flags())
    except ValueError as error:
        # Only this package's errors are the user's to mend; any other is a defect and keeps its traceback.
        if not type(error).__module__.startswith("serving."):
            raise
        print(f"ERROR: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        sys.exit(1)


def console_main() -> None:
    """Entry point of the command line."""
    asked = {argument.lstrip("-") for argument in sys.argv[1:] if argument.startswith("-")}
    if asked & {"help", "h", "?"}:
        print(f"{__doc__}{server_flags.grouped_help()}\n--helpfull shows the flags of the libraries too.")
    elif asked & {"version", "version=true"}:
        mine, tensorflow = map(importlib.metadata.version, ("tfrs-two-tower", "tensorflow"))
        print(f"tfrs_model_server {mine}, TensorFlow {tensorflow}")
    else:
        app.run(main)


if __name__ == "__main__":
    console_main()
