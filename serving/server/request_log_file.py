"""One TFRecord file of a request log."""

import os
import pathlib
import time

import tensorflow as tf

_MAX_RECORDS, _MAX_SECONDS = 1000, 3600.0
# Shows that a file may not be moved yet, or was left so by a crash and may end within a record.
_OPEN_SUFFIX = ".open"


class RequestLogFile:
    """Takes records until it is full or old.

    Errors of TensorFlow's writer are raised as OSError.

    Args:
      prefix: of its path; the moment, the process and a number follow.

    Raises:
      OSError: if it cannot be made.
    """

    def __init__(self, prefix: pathlib.Path):
        prefix.parent.mkdir(parents=True, exist_ok=True)
        self._began = time.monotonic()
        self._num_records = 0
        self.num_unwritten = 0
        self._path = _unused(f"{prefix}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}")
        # Requests are for the eyes of whoever runs the server.
        os.close(os.open(f"{self._path}{_OPEN_SUFFIX}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._writer = _with_os_errors(tf.io.TFRecordWriter, f"{self._path}{_OPEN_SUFFIX}")

    @property
    def is_full(self) -> bool:
        """Whether the next record is for another file."""
        return self._num_records >= _MAX_RECORDS or time.monotonic() - self._began > _MAX_SECONDS

    def append(self, record: bytes) -> int:
        """Takes a record; returns 0, for it may not be written yet.

        Raises:
          OSError: if it cannot be written.
        """
        self.num_unwritten += 1
        self._num_records += 1
        _with_os_errors(self._writer.write, record)
        return 0

    def flush(self) -> int:
        """Hands what was taken to the operating system; returns how many records that were.

        Raises:
          OSError: if they cannot be written.
        """
        if not self.num_unwritten:
            return 0
        _with_os_errors(self._writer.flush)
        written, self.num_unwritten = self.num_unwritten, 0
        return written

    def complete(self) -> int:
        """Closes the file and gives it its name; returns how many records were still to be written.

        Raises:
          OSError: if they cannot be written.
        """
        written = self.flush()
        _with_os_errors(self._writer.close)
        os.rename(f"{self._path}{_OPEN_SUFFIX}", self._path)
        return written


def _unused(stem: str) -> str:
    number = 0
    while any(os.path.exists(f"{stem}-{number}.tfrecord{suffix}") for suffix in ("", _OPEN_SUFFIX)):
        number += 1
    return f"{stem}-{number}.tfrecord"


def _with_os_errors(do, *arguments):
    try:
        return do(*arguments)
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
