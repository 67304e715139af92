"""Servers in processes of their own, and what it takes to ask them."""

import contextlib
import pathlib
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from benchmarks import own_process

_ROOT = pathlib.Path(__file__).parents[2]
_START_SECONDS = 300.0


@contextlib.contextmanager
def running(port: int, module: str, *arguments: object) -> Iterator[subprocess.Popen]:
    """Runs `python -m module arguments` until the block ends; begins it when the port is open.

    Raises:
      RuntimeError: if it ends before.
    """
    process = subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], cwd=_ROOT)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{module} did not open port {port}.")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


class Asker:
    """Asks servers with requests of its own.

    Args:
      protocol: `grpc` or `rest`.
      requests: what is sent, in turns.
      folder: for the file that holds them.
    """

    def __init__(self, protocol: str, requests: Sequence, folder: pathlib.Path):
        self._protocol = protocol
        self._file = folder / f"requests_{id(self)}.pickle"
        self._file.write_bytes(pickle.dumps(list(requests)))

    def ask(self, port: int, num_clients: int, seconds: float, rate: float | None = None) -> dict:
        """Returns rate and latencies, see `asking`."""
        more = () if rate is None else (rate,)
        result = own_process.measure(
            "benchmarks.serving_load.asking", self._protocol, port, self._file, num_clients, seconds, *more
        )
        del result["process_seconds"]
        return result
