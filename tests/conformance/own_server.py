"""The server of this repository in a process of its own, over the models that the suite exports."""

import contextlib
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

from tests.conformance import export_models
from tests.conformance.endpoint import Endpoint
from tests.serving import tiny_models

_ROOT = pathlib.Path(__file__).parents[2]
_SECONDS_TO_START = 120.0


@contextlib.contextmanager
def running(models_dir: pathlib.Path) -> Iterator[Endpoint]:
    """Runs the server until the block ends.

    Raises:
      AssertionError: if it does not start; with the end of what it printed.
    """
    port, rest_port = tiny_models.free_port(), tiny_models.free_port()
    log = models_dir / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(_command(models_dir, port, rest_port), cwd=_ROOT, stdout=output, stderr=output)
    try:
        _wait_until_ready(process, rest_port, log)
        yield Endpoint(f"127.0.0.1:{port}", f"127.0.0.1:{rest_port}", pathlib.PurePosixPath(models_dir), is_ours=True)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _command(models_dir: pathlib.Path, port: int, rest_port: int) -> list[str]:
    options = {
        "port": port,
        "rest_api_port": rest_port,
        "model_config_file": models_dir / export_models.MODELS_CONFIG,
        "monitoring_config_file": models_dir / export_models.MONITORING_CONFIG,
        "allow_version_labels_for_unavailable_models": "true",
        "enable_grpc_healthcheck_service": "true",
        "file_system_poll_wait_seconds": 0.1,
        "max_num_load_retries": 0,
    }
    return [sys.executable, "-m", "serving.server", *(f"--{name}={value}" for name, value in options.items())]


def _wait_until_ready(process: subprocess.Popen, rest_port: int, log: pathlib.Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            # Any answer will do: the port opens when every model serves.
            httpx.get(f"http://127.0.0.1:{rest_port}/v1/models", trust_env=False)
            return
        time.sleep(0.1)
    raise AssertionError(f"The server did not start; it printed:\n{log.read_text()[-4000:]}")
