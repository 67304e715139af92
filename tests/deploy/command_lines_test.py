"""Every command line of a server in `deploy/` against the real flags, and against what stands around it."""

import re

import pytest

from serving.server import server_flags
from tests.deploy import deploy_files, parsed_command_line

# docs/server.md: this server's own.
_NOT_OF_TENSORFLOW_SERVING = {
    *("rest_api_address", "max_queued_requests", "max_request_bytes", "max_request_rows", "shutdown_grace_seconds"),
}
_METRICS_PATH = "/monitoring/prometheus/metrics"
_GRPC_PORT, _REST_PORT = 8500, 8501


def _names(arguments):
    return {re.fullmatch(r"--(\w+)(=.*)?", argument)[1] for argument in arguments}


@pytest.fixture(scope="module")
def parsed():
    return {file: parsed_command_line.parsed(words) for file, words in deploy_files.command_lines().items()}


@pytest.fixture(params=sorted(deploy_files.command_lines()))
def file(request):
    return request.param


def test_every_flag_is_one_of_the_servers(file):
    known = {name for names in server_flags.GROUPS.values() for name in names}
    assert _names(deploy_files.command_lines()[file]) <= known


def test_stock_tensorflow_serving_gets_no_flag_of_ours():
    assert not _names(deploy_files.command_lines()["compose.stock.yaml"]) & _NOT_OF_TENSORFLOW_SERVING


def test_the_server_accepts_the_command_line_with_the_ports_that_are_opened(parsed, file):
    options = parsed[file]["options"]
    assert (options["port"], options["rest_api_port"]) == (_GRPC_PORT, _REST_PORT)


def test_health_is_answered_wherever_it_is_asked(parsed, file):
    assert parsed[file]["options"]["enable_grpc_healthcheck_service"] is True


def test_metrics_are_where_prometheus_looks(parsed, file):
    assert parsed[file]["metrics_path"] == _METRICS_PATH


def test_the_models_lie_under_what_is_mounted(parsed):
    assert parsed["Dockerfile"]["models"] == {"model": "/models/model"}
    for name in ("compose.yaml", "compose.stock.yaml"):
        assert parsed[name]["models"] == {"shop": "/models/model"}
    assert parsed["kubernetes/deployment.yaml"]["models"] == {"shop": "/models/shop"}


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes/deployment.yaml"])
def test_threads_follow_the_cpus_that_the_server_may_use_and_not_those_of_the_machine(parsed, name):
    cpus = {
        "compose.yaml": deploy_files.services()["server"]["deploy"]["resources"]["limits"]["cpus"],
        "kubernetes/deployment.yaml": deploy_files.container()["resources"]["requests"]["cpu"],
    }
    options = parsed[name]["options"]
    assert options["grpc_max_threads"] == options["rest_api_num_threads"] == 4 * int(cpus[name])
    assert options["tensorflow_intra_op_parallelism"] == int(cpus[name])


def test_a_flag_that_is_no_flag_would_be_found():
    with pytest.raises(AssertionError, match="Unknown command line flag 'ports'"):
        parsed_command_line.parsed(["--ports=1", "--model_base_path=/models"])
