import os
import pathlib

import pytest

from serving.server import server_config


def test_the_defaults_are_those_of_tensorflow_model_server():
    config = server_config.ServerConfig(pathlib.Path("models"))
    assert (config.model_name, config.port, config.rest_api_port) == ("default", 8500, 0)
    assert (config.rest_api_timeout_in_ms, config.file_system_poll_wait_seconds) == (30_000, 1.0)
    assert (config.max_num_load_retries, config.load_retry_interval_micros) == (5, 60_000_000)
    assert config.enable_model_warmup
    assert config.grpc_max_threads == config.rest_api_num_threads == 4 * len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"model_name": ""}, "--model_name must not be empty."),
        ({"port": 70_000}, "--port must be between 0 and 65535, but is 70000."),
        ({"rest_api_port": -1}, "--rest_api_port must be between 0 and 65535, but is -1."),
        (
            {"port": 0},
            "--port and --rest_api_port are both 0, so nothing would be served; set one, or --grpc_socket_path.",
        ),
        ({"rest_api_port": 8500}, "--port and --rest_api_port are both 8500; each API needs a port of its own."),
        ({"grpc_max_threads": 0}, "--grpc_max_threads must be at least 1, but is 0."),
        ({"rest_api_timeout_in_ms": 0}, "--rest_api_timeout_in_ms must be at least 1, but is 0."),
        ({"file_system_poll_wait_seconds": -1}, "--file_system_poll_wait_seconds must not be negative, but is -1."),
        ({"max_queued_requests": -1}, "--max_queued_requests must not be negative, but is -1."),
        ({"max_request_bytes": 1 << 31}, "--max_request_bytes must be at most 2147483647, but is 2147483648."),
        (
            {"per_process_gpu_memory_fraction": 1.5},
            "--per_process_gpu_memory_fraction must be between 0 and 1, but is 1.5.",
        ),
        (
            {"batching_parameters_file": pathlib.Path("b")},
            "--batching_parameters_file is set without --enable_batching, so it would be ignored; set both.",
        ),
        (
            {"ssl_config_file": pathlib.Path("s"), "port": 0, "rest_api_port": 1},
            "--ssl_config_file is set without --port, so it would be ignored; set both.",
        ),
        (
            {"monitoring_config_file": pathlib.Path("m")},
            "--monitoring_config_file is set without --rest_api_port, so it would be ignored; set both.",
        ),
        (
            {"explorer": True},
            "--explorer is set without --rest_api_port, so it would be ignored; set both.",
        ),
        (
            {"explorer_histories": pathlib.Path("h"), "rest_api_port": 1},
            "--explorer_histories is set without --explorer, so it would be ignored; set both.",
        ),
        ({"grpc_max_threads": 10_001}, "--grpc_max_threads must be at most 10000, but is 10001."),
        ({"max_num_load_retries": -1}, "--max_num_load_retries must not be negative, but is -1."),
        ({"saved_model_tags": ("",)}, "--saved_model_tags must name at least one tag, but is ('',)."),
    ],
)
def test_an_option_out_of_range_is_refused_by_its_flag(options, text):
    with pytest.raises(server_config.ServerConfigError) as refusal:
        server_config.ServerConfig(pathlib.Path("models"), **options)
    assert str(refusal.value) == text
