"""A sample of the requests and their answers, as TFRecord files of PredictionLog.

Any of the files may become `assets.extra/tf_serving_warmup_requests` of a version: none has more than the thousand
records that are replayed. What is in them is personal data wherever requests are.
"""

import contextlib
import functools
import pathlib
import queue
import random
import threading
import time
from collections.abc import Callable

from tensorflow_serving.apis import prediction_log_pb2

from serving.server import model_config, repeated_warning, request_log_file

_MAX_WAITING = 1000
_SECONDS_BETWEEN_LOOKS = 0.2
_Add = Callable[[prediction_log_pb2.PredictionLog], None]


class RequestLog:
    """Writes what is sampled, in a thread of its own; requests wait for nothing and fail for nothing.

    What the disk cannot take, or not in time, is dropped, counted and told in the server's log.

    Attributes:
      num_written: records that were handed to the operating system.
      num_dropped: records that are in no file.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[pathlib.Path, bytes]] = queue.Queue(_MAX_WAITING)
        self._files: dict[pathlib.Path, request_log_file.RequestLogFile] = {}
        self._warning = repeated_warning.RepeatedWarning()
        self._lock = threading.Lock()
        self._is_stopping = False
        self.num_written = 0
        self.num_dropped = 0
        self._thread = threading.Thread(target=self._write, name="request log", daemon=True)
        self._thread.start()

    def sampled(self, config: model_config.RequestLogging | None) -> _Add | None:
        """Draws whether a request is logged.

        Args:
          config: of the model; `None` where its requests are not logged.

        Returns:
          What takes the PredictionLog of a request that is; it never fails. `None` for the others.
        """
        if config is None or random.random() >= config.sampling_rate:
            return None
        return functools.partial(self._add, config)

    def stop(self, grace_seconds: float) -> bool:
        """Writes what waits and completes the files.

        Args:
          grace_seconds: longest wait for that.

        Returns:
          Whether it is done.
        """
        self._is_stopping = True
        self._thread.join(grace_seconds)
        return not self._thread.is_alive()

    def _add(self, config: model_config.RequestLogging, log: prediction_log_pb2.PredictionLog) -> None:
        log.log_metadata.sampling_config.sampling_rate = config.sampling_rate
        log.log_metadata.timestamp_secs = int(time.time())
        try:
            self._waiting.put_nowait((config.filename_prefix, log.SerializeToString()))
        except queue.Full:
            self._drop(1, "they come faster than they can be written")

    def _write(self) -> None:
        while not self._is_stopping or not self._waiting.empty():
            with contextlib.suppress(queue.Empty):
                prefix, record = self._waiting.get(timeout=_SECONDS_BETWEEN_LOOKS)
                self._at(prefix, lambda file, record=record: file.append(record))
            if self._waiting.empty():
                for prefix in list(self._files):
                    self._at(prefix, request_log_file.RequestLogFile.flush)
            for prefix in [prefix for prefix, file in self._files.items() if file.is_full]:
                self._complete(prefix)
        for prefix in list(self._files):
            self._complete(prefix)

    def _complete(self, prefix: pathlib.Path) -> None:
        self._at(prefix, request_log_file.RequestLogFile.complete)
        self._files.pop(prefix, None)

    def _at(self, prefix: pathlib.Path, do: Callable[[request_log_file.RequestLogFile], int]) -> None:
        """Does something with the file of a prefix that writes records; where it fails the next has a new file."""
        file = None
        try:
            file = self._files[prefix] = self._files.get(prefix) or request_log_file.RequestLogFile(prefix)
            self.num_written += do(file)
        except OSError as error:
            self._files.pop(prefix, None)
            self._drop(file.num_unwritten if file else 1, f"{error}")

    def _drop(self, number: int, why: str) -> None:
        with self._lock:
            self.num_dropped += number
        self._warning.say(f"Requests are missing from the request log: {why}")
