"""Configuration messages of TensorFlow Serving that the tensorflow-serving-api package lacks, read from text files.

Their descriptors are made from the table below. They live in a pool of their own, so that a process may load
TensorFlow Serving's messages of the same names as well.
"""

import pathlib
import re

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format, wrappers_pb2

from serving.server import server_config

_PACKAGE = "tensorflow.serving"
_FILE_NAME = "serving/server/text_messages.proto"
_SCALARS = {
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}
# Message to its fields: name, number and type, as in session_bundle_config.proto, ssl_config.proto and
# monitoring_config.proto of TensorFlow Serving. Its bundle_factory_util.h reads the two fields of large batches; a
# text file holds no numbers, so theirs are of no meaning.
_FIELDS = {
    "BatchingParameters": (
        ("max_batch_size", 1, "google.protobuf.Int64Value"),
        ("batch_timeout_micros", 2, "google.protobuf.Int64Value"),
        ("max_enqueued_batches", 3, "google.protobuf.Int64Value"),
        ("num_batch_threads", 4, "google.protobuf.Int64Value"),
        ("thread_pool_name", 5, "google.protobuf.StringValue"),
        ("allowed_batch_sizes", 6, "repeated int64"),
        ("pad_variable_length_inputs", 7, "bool"),
        ("enable_large_batch_splitting", 8, "google.protobuf.BoolValue"),
        ("max_execution_batch_size", 9, "google.protobuf.Int64Value"),
    ),
    "SSLConfig": (
        ("server_key", 1, "string"),
        ("server_cert", 2, "string"),
        ("custom_ca", 3, "string"),
        ("client_verify", 4, "bool"),
    ),
    "PrometheusConfig": (("enable", 1, "bool"), ("path", 2, "string")),
    "MonitoringConfig": (("prometheus_config", 1, f"{_PACKAGE}.PrometheusConfig"),),
}


def _message_classes() -> dict[str, type[message.Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name=_FILE_NAME, package=_PACKAGE, syntax="proto3", dependency=[wrappers_pb2.DESCRIPTOR.name]
    )
    for message_name, fields in _FIELDS.items():
        file.message_type.add(name=message_name).field.extend(_field(*each) for each in fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _FIELDS}


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number)
    is_repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
    field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{kind}"
    return field


# Whose texts no error may repeat.
_WITH_SECRETS = ("SSLConfig",)
_CLASSES = _message_classes()
BatchingParameters = _CLASSES["BatchingParameters"]
SSLConfig = _CLASSES["SSLConfig"]
MonitoringConfig = _CLASSES["MonitoringConfig"]


def read(path: pathlib.Path, message_class: type[message.Message]) -> message.Message:
    """Returns the message that a file describes.

    Args:
      path: file in protobuf text format.
      message_class: one of this module.

    Raises:
      ServerConfigError: if it cannot be read or is no such message.
    """
    return parse(read_text(path), message_class, path)


def read_text(path: pathlib.Path) -> str:
    """Returns what a file says.

    Raises:
      ServerConfigError: if it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise server_config.ServerConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise server_config.ServerConfigError(f"{path} is no text: byte {error.start} is not UTF-8.") from error


def parse(text: str, message_class: type[message.Message], path: pathlib.Path) -> message.Message:
    """Returns the message that a text describes.

    Args:
      text: protobuf text format.
      message_class: one of this module.
      path: where the text is from, for the error.

    Raises:
      ServerConfigError: if it is no such message; names the file, the line and what stands there.
    """
    try:
        return text_format.Parse(text, message_class())
    except text_format.ParseError as error:
        lines = text.splitlines() or [""]
        number = min(error.GetLine() or len(lines), len(lines))
        name, fields = message_class.DESCRIPTOR.name, ", ".join(field.name for field in message_class.DESCRIPTOR.fields)
        # Somebody may have given the file of keys where another is wanted.
        may_hold_keys = name in _WITH_SECRETS or "-----BEGIN " in text
        what = f"{path}, line {number}, at `{_what_stands_at(lines[number - 1], may_hold_keys)}`, is no {name}"
        reason = "" if may_hold_keys else f": {_reason(error, lines[number - 1])}"
        # Without its cause, which quotes the line.
        raise server_config.ServerConfigError(
            f"{what} in protobuf text format{reason}; its fields are {fields}."
        ) from None


def line_of(text: str, field_name: str) -> int | None:
    """Returns the last line, from 1, that sets a field outside of a comment; `None` if none does."""
    lines = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(rf"\b{re.escape(field_name)}\b", line.split("#")[0])
    ]
    return lines[-1] if lines else None


def _what_stands_at(line: str, may_hold_keys: bool) -> str:
    """Returns the line, or what it begins with where the rest may be a key."""
    return re.match(r"\W*\w*", line).group().strip() if may_hold_keys else line.strip()


def _reason(error: text_format.ParseError, line: str) -> str:
    """Returns what is wrong, without line and column and the line itself, which may stand before it."""
    reason = re.sub(r"^\d+:\d+ : ", "", str(error))
    return " ".join(reason.removeprefix(f"'{line}': ").split()).rstrip(".")
