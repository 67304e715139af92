"""A server that answers each request with the next of the codes it was given, over REST or gRPC."""

import concurrent.futures
import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator

import grpc
from tensorflow_serving.apis import get_model_status_pb2

from tests.serving.client import faulty_server, four_clients

# By hand, from ToHTTPStatusCode in tensorflow_serving/model_servers/http_server.cc; codes that share an HTTP status
# with another cannot be told from it.
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_STATUS = {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@dataclasses.dataclass
class Script:
    """A running server.

    Attributes:
      address: host and port.
      num_requests: says how many requests have come.
      time_remaining: of each gRPC request, the seconds that the client still gives it.
    """

    address: str
    num_requests: Callable[[], int]
    time_remaining: list[float] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def scripted(kind: str, *codes: str) -> Iterator[Script]:
    """Answers `status` requests by name of a code, `OK` with version 7; the last code goes on."""
    with (_rest if four_clients.is_rest(kind) else _grpc)(codes) as script:
        yield script


@contextlib.contextmanager
def _rest(codes):
    with faulty_server.FaultyServer(*(faulty_server.say(_http(code)) for code in codes)) as server:
        yield Script(server.address, lambda: server.num_connections)


def _http(code):
    if code == "OK":
        return faulty_server.http(200, json.dumps({"model_version_status": [_STATUS]}).encode())
    return faulty_server.http(HTTP_STATUS[code], json.dumps({"error": f"scripted {code}"}).encode())


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, codes):
        self._codes = codes
        self.time_remaining = []

    def service(self, handler_call_details):
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request, context):
        self.time_remaining.append(context.time_remaining())
        code = self._codes[min(len(self.time_remaining), len(self._codes)) - 1]
        if code == "OK":
            return get_model_status_pb2.GetModelStatusResponse(
                model_version_status=[{"version": 7, "state": "AVAILABLE", "status": {}}]
            ).SerializeToString()
        if code == "GARBLED":
            return b"\xff\xff\xff"
        return context.abort(grpc.StatusCode[code], f"scripted {code}")


@contextlib.contextmanager
def _grpc(codes):
    handler = _Handler(codes)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, handlers=[handler], options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield Script(f"127.0.0.1:{port}", lambda: len(handler.time_remaining), handler.time_remaining)
        server.stop(0).wait()
