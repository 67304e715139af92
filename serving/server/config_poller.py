"""Reads the file that names the models again and again, and has a change take effect."""

import pathlib
import threading
from collections.abc import Callable, Sequence

from absl import logging

from serving import errors
from serving.server import model_config


class ConfigPoller:
    """Applies a ModelServerConfig file when it changed, and again as long as it was refused.

    Args:
      path: the file.
      wait_seconds: pause between looks.
      apply: has the models serve, or raises `ServingError` and changes nothing.
    """

    def __init__(
        self, path: pathlib.Path, wait_seconds: float, apply: Callable[[Sequence[model_config.ModelConfig]], None]
    ):
        self._path = path
        self._wait_seconds = wait_seconds
        self._apply = apply
        self._applied = self._content()
        self._last_refusal = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model config", daemon=True)

    def start(self) -> None:
        """Starts looking; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._wait_seconds):
            content = self._content()
            if content == self._applied:
                self._last_refusal = ""
                continue
            try:
                self._apply(model_config.read(self._path))
                self._applied, self._last_refusal = content, ""
            except errors.ServingError as error:
                self._say(f"{error.code.name}: {error}")
            except Exception as error:
                # Whatever is wrong, what serves goes on, and so does this thread.
                logging.exception("Reading %s failed in an unexpected way", self._path)
                self._say(f"{type(error).__name__}: {error}")

    def _say(self, refusal: str) -> None:
        if refusal != self._last_refusal:
            self._last_refusal = refusal
            logging.error("Refused %s, what served before keeps serving: %s", self._path, refusal)

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
