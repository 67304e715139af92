"""The model server as a child process on this machine, for as long as a block runs."""

import contextlib
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from pipelines import job

_START_TIMEOUT_SECONDS = 120.0
_STOP_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.1


class LocalServerError(ValueError):
    """The server did not start; the message says where its log is."""


class LocalServer:
    """Where a running server listens.

    Attributes:
      model_name: name of the model it serves.
      grpc_target: `host:port` of gRPC.
      rest_url: base address of REST.
    """

    def __init__(self, model_name: str, grpc_port: int, rest_port: int):
        self.model_name = model_name
        self.grpc_target = f"localhost:{grpc_port}"
        self.rest_url = f"http://localhost:{rest_port}"


@contextlib.contextmanager
def serve(model_name: str, model_base_path: pathlib.Path, log_path: pathlib.Path) -> Iterator[LocalServer]:
    """Starts a server on free ports, waits until it answers, and stops it at the end of the block.

    Args:
      model_name: name in requests.
      model_base_path: directory of versions.
      log_path: file for the server's output.

    Raises:
      LocalServerError: if the server ends or stays silent for two minutes.
    """
    grpc_port, rest_port = free_ports(2)
    command = [
        sys.executable,
        "-m",
        "serving.server",
        f"--model_name={model_name}",
        f"--model_base_path={model_base_path.resolve()}",
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
    ]
    with log_path.open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            server = LocalServer(model_name, grpc_port, rest_port)
            with job.stage("Starting the model server"):
                _wait(process, rest_port, log_path)
            yield server
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_SECONDS)
            process.kill()


def _wait(process: subprocess.Popen, port: int, log_path: pathlib.Path) -> None:
    """Returns once the REST port accepts connections: the server opens it when a version is available."""
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1.0):
            return
        time.sleep(_POLL_SECONDS)
    if process.poll() is not None:
        last_line = (log_path.read_text().strip().splitlines() or ["nothing"])[-1]
        raise LocalServerError(
            f"The model server ended with code {process.poll()}; its last line in {log_path}: {last_line}"
        )
    raise LocalServerError(f"The model server did not start within {_START_TIMEOUT_SECONDS:.0f} s; see {log_path}.")


def free_ports(number: int) -> list[int]:
    """Returns TCP ports that nobody has."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
