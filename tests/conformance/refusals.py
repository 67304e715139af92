"""Rows of the tables of wrong requests: what is asked, and what is answered."""

import dataclasses
import json

import grpc
from google.protobuf import message


@dataclasses.dataclass(frozen=True)
class RestRefusal:
    """A wrong REST request and its answer.

    Attributes:
      path: of the request.
      body: of the request; with one it is a POST.
      text: the whole error.
      citation: where the text is from.
      status: HTTP status.
      method: HTTP method, if it does not follow from the body.
    """

    path: str
    body: str | bytes | None
    text: str
    citation: str
    status: int = 400
    method: str = ""

    @property
    def http_method(self) -> str:
        """The method of the request."""
        return self.method or ("GET" if self.body is None else "POST")


@dataclasses.dataclass(frozen=True)
class GrpcRefusal:
    """A wrong gRPC request and its answer.

    Attributes:
      request: the message.
      code: status code.
      text: the whole message, or its beginning where `is_beginning` says so.
      citation: where the text is from.
      is_beginning: whether more may follow, such as a printed SignatureDef.
    """

    request: message.Message
    code: grpc.StatusCode
    text: str
    citation: str
    is_beginning: bool = False


def error_body(text: str) -> str:
    """Returns the body that carries an error, as rapidjson's PrettyWriter writes it in MakeJsonFromStatus."""
    return f'{{\n    "error": {json.dumps(text, ensure_ascii=False)}\n}}'


def id_of(row: RestRefusal | GrpcRefusal) -> str:
    """Returns the name of a row in a list of tests."""
    return "".join(each if each.isalnum() else "_" for each in row.text[:60])
