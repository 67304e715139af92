"""The server as a process of its own, and what it takes from the machine: memory, files, threads."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import psutil

from serving import client, errors
from tests.serving import tiny_models


class ServerProcess:
    """A running server.

    Attributes:
      port: of gRPC.
      rest_api_port: of REST.
      process: the process.
      log: file of what it says.
    """

    def __init__(self, flags: Sequence[str], log: pathlib.Path, environment: Mapping[str, str] = {}, prefix=()):
        self.port, self.rest_api_port = tiny_models.free_port(), tiny_models.free_port()
        self.log = log
        command = [*prefix, sys.executable, "-m", "serving.server", *flags]
        command += [f"--port={self.port}", f"--rest_api_port={self.rest_api_port}"]
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})

    def wait_until_available(self, model_name: str = "tiny", timeout_seconds: float = 120.0) -> None:
        """Returns once a version of a model serves."""
        with client.RestClient(f"http://127.0.0.1:{self.rest_api_port}") as rest:

            def is_available():
                assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
                with contextlib.suppress(errors.UnavailableError):
                    return rest.status(model_name)[0].state == "AVAILABLE"
                return False

            tiny_models.wait_until(is_available, timeout_seconds)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Sends a signal; returns the exit code, and after how many seconds it came."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        return code, time.monotonic() - started

    @property
    def resident_bytes(self) -> int:
        """Memory of its own that the process has in use now."""
        return psutil.Process(self.process.pid).memory_info().rss

    @property
    def num_files(self) -> int:
        """Files and connections that it has open."""
        return psutil.Process(self.process.pid).num_fds()

    @property
    def num_threads(self) -> int:
        """Threads, those of TensorFlow and gRPC among them."""
        return psutil.Process(self.process.pid).num_threads()


@contextlib.contextmanager
def running(
    base_path: pathlib.Path, log: pathlib.Path, *flags: str, environment: Mapping[str, str] = {}, prefix=()
) -> Iterator[ServerProcess]:
    """Runs a server of the model `tiny`, or of what the flags say; begins the block when it serves."""
    own = [f"--model_base_path={base_path}", "--model_name=tiny", "--file_system_poll_wait_seconds=0.1"]
    server = ServerProcess([*own, *flags], log, environment, prefix)
    try:
        server.wait_until_available()
        yield server
    finally:
        server.process.kill()
        server.process.wait()
