"""The server that the contract is asked of, clients to ask it with, and what is known not to hold yet."""

import pathlib

import grpc
import httpx
import pytest
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tests.conformance import export_models, own_server
from tests.conformance.endpoint import Endpoint

_HERE = "tests/conformance/"

# Beginning of a test's id, from this folder on, to the reason why our server does not pass it yet. An entry whose tests
# pass fails the run: it has to go.
NOT_YET: dict[str, str] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what is known to fail on the server of this repository; a foreign one is asked all of it."""
    if config.getoption("--target"):
        return
    for item in items:
        for beginning, reason in NOT_YET.items():
            if item.nodeid.startswith(_HERE + beginning):
                item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """The server under test: the one of --target, or ours, started for the session over models made for it."""
    target, rest_target = request.config.getoption("--target"), request.config.getoption("--rest_target")
    if bool(target) != bool(rest_target):
        raise pytest.UsageError("--target and --rest_target go together: give the gRPC and the REST port, or neither.")
    if target:
        models_dir = request.config.getoption("--models_dir")
        yield Endpoint(target, rest_target, models_dir and pathlib.PurePosixPath(models_dir), is_ours=False)
        return
    models_dir = tmp_path_factory.mktemp("conformance_models")
    export_models.export(models_dir)
    with own_server.running(models_dir) as started:
        yield started


@pytest.fixture(scope="session")
def rest(endpoint):
    """A plain HTTP client of the REST API."""
    with httpx.Client(base_url=f"http://{endpoint.rest_target}", trust_env=False, timeout=30.0) as client:
        yield client


@pytest.fixture(scope="session")
def channel(endpoint):
    """A gRPC channel."""
    with grpc.insecure_channel(endpoint.grpc_target) as opened:
        yield opened


@pytest.fixture(scope="session")
def prediction(channel):
    """TensorFlow Serving's own stub of PredictionService."""
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def model_service(channel):
    """TensorFlow Serving's own stub of ModelService."""
    return model_service_pb2_grpc.ModelServiceStub(channel)
