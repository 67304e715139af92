"""Asks a running model server whether it serves; exit code 0 says yes, 1 says no, and a line on stderr why.

    python -m serving.server.probe --port=8500
    python -m serving.server.probe --rest_api_port=8501 --model_name=shop

For HEALTHCHECK of an image and exec probes of Kubernetes. With --port it asks grpc.health.v1, which answers SERVING
once all models serve and NOT_SERVING once the server is told to stop; the server has to run with
--enable_grpc_healthcheck_service and without TLS. With --rest_api_port it asks whether a version of the model is
AVAILABLE, which works beside encrypted gRPC too. With both, both have to hold. TensorFlow is not loaded.
"""

import http.client
import json
import sys
import urllib.parse
from collections.abc import Sequence

import grpc
from absl import app, flags
from grpc_health.v1 import health_pb2, health_pb2_grpc

# A variable of the environment must not send a question about this machine to another one.
_CHANNEL_OPTIONS = [("grpc.enable_http_proxy", 0)]
_HEALTH_FLAG = " Start the server with --enable_grpc_healthcheck_service."


class ProbeError(ValueError):
    """The server does not serve; the message says what it answered instead."""


def check_health(host: str, port: int, timeout_seconds: float) -> None:
    """Asks for the health of the server as a whole.

    Args:
      host: where it runs.
      port: of its gRPC API.
      timeout_seconds: longest wait for the answer.

    Raises:
      ProbeError: if the answer is another than SERVING, or there is none.
    """
    with grpc.insecure_channel(f"{host}:{port}", options=_CHANNEL_OPTIONS) as channel:
        try:
            request = health_pb2.HealthCheckRequest()
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout_seconds)
        except grpc.RpcError as error:
            hint = _HEALTH_FLAG if error.code() is grpc.StatusCode.UNIMPLEMENTED else ""
            raise ProbeError(f"{host}:{port} answered {error.code().name}: {error.details()}.{hint}") from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise ProbeError(f"{host}:{port} must be SERVING, but is {state}.")


def check_model(host: str, port: int, model_name: str, timeout_seconds: float) -> None:
    """Asks for the versions of a model.

    Args:
      host: where the server runs.
      port: of its REST API.
      model_name: which model.
      timeout_seconds: longest wait for each part of the answer.

    Raises:
      ProbeError: if no version is AVAILABLE, or there is no answer.
    """
    path = f"/v1/models/{urllib.parse.quote(model_name, safe='')}"
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ProbeError(f"{host}:{port} gave no answer over REST: {error or type(error).__name__}.") from error
    finally:
        connection.close()
    states = _states(body) if status == http.client.OK else []
    if "AVAILABLE" not in states:
        found = f"they are {', '.join(states)}" if states else f"{path} answered {status}"
        raise ProbeError(f"{host}:{port} must have an AVAILABLE version of {model_name}, but {found}.")


def _states(body: bytes) -> list[str]:
    try:
        return [version["state"] for version in json.loads(body)["model_version_status"]]
    except (ValueError, KeyError, TypeError):
        return []


def main(argv: Sequence[str]) -> None:
    """Asks what the flags say, and exits."""
    del argv
    options = flags.FLAGS
    try:
        if not options.port and not options.rest_api_port:
            raise ProbeError("--port or --rest_api_port is required: which API to ask, but both are 0.")
        if options.port:
            check_health(options.host, options.port, options.timeout_seconds)
        if options.rest_api_port:
            check_model(options.host, options.rest_api_port, options.model_name, options.timeout_seconds)
    except ProbeError as error:
        print(f"ERROR: {error}", file=sys.stderr, flush=True)
        sys.exit(1)


def console_main() -> None:
    """Entry point of the command line."""
    # Not where this module is imported: the server has a --port of its own.
    flags.DEFINE_integer("port", 0, "gRPC port to ask for its health. Zero does not ask.", lower_bound=0)
    flags.DEFINE_integer("rest_api_port", 0, "REST port to ask for the model. Zero does not ask.", lower_bound=0)
    flags.DEFINE_string("model_name", "default", "Model that must have an AVAILABLE version.")
    flags.DEFINE_string("host", "127.0.0.1", "Where the server runs.")
    flags.DEFINE_float("timeout_seconds", 2.0, "Longest wait for an answer.", lower_bound=0.01)
    app.run(main)


if __name__ == "__main__":
    console_main()
