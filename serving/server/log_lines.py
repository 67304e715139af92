"""How the server's own log lines look: text for people, or one JSON object a line for collectors of logs.

python-json-logger writes the objects: it is made for that, and knows how to serialize what a line may hold.
TensorFlow's C++ code writes to stderr by itself, in its own form.
"""

import logging

from absl import logging as absl_logging
from pythonjsonlogger import json as json_logger

from serving.server import request_ids

FORMATS = ("text", "json")
# Which requests have a line.
LOGGED = ("none", "failed", "all")
_FIELDS = "{message}{levelname}{pathname}{lineno}{threadName}"
_NAMES = {"levelname": "severity", "exc_info": "exception", "threadName": "thread"}


def use(log_format: str) -> None:
    """Has all lines from now on written in one of `FORMATS`."""
    formatter = _JsonFormatter() if log_format == "json" else _TextFormatter()
    absl_logging.get_absl_handler().setFormatter(formatter)


def write(level: int, text: str, fields: dict[str, str | int | float]) -> None:
    """Logs a line that has fields of its own.

    Args:
      level: of `absl.logging`.
      text: what a person reads; the fields are in it already.
      fields: what a program reads.
    """
    absl_logging.get_absl_logger().log(absl_logging.converter.absl_to_standard(level), text, extra={"fields": fields})


class _TextFormatter(absl_logging.PythonFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """Returns absl's line, with the request that it is about."""
        request_id = request_ids.CURRENT.get()
        line = super().format(record)
        if request_id is None:
            return line
        first, *rest = line.split("\n", 1)
        return "\n".join([f"{first} [request {request_id}]", *rest])


class _JsonFormatter(json_logger.JsonFormatter):
    def __init__(self) -> None:
        super().__init__(_FIELDS, style="{", rename_fields=_NAMES, rename_fields_keep_missing=False, timestamp="time")

    def add_fields(self, log_data: dict, record: logging.LogRecord, message_dict: dict) -> None:
        """Adds the place, the request and the line's own fields."""
        super().add_fields(log_data, record, message_dict)
        log_data["place"] = f"{record.filename}:{record.lineno}"
        for name in ("pathname", "lineno", "fields"):
            log_data.pop(name, None)
        if (request_id := request_ids.CURRENT.get()) is not None:
            log_data["request_id"] = str(request_id)
        log_data.update(getattr(record, "fields", {}))
