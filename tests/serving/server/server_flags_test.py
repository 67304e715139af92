"""The command line, compared with that of tensorflow_model_server."""

import dataclasses

import pytest
from absl import flags

from serving.server import refused_flags, server_config, server_flags

# tensorflow_serving/model_servers/main.cc of TensorFlow Serving 2.16 to 2.19, with the defaults of server.h.
_UPSTREAM = {
    "port": 8500,
    "grpc_socket_path": "",
    "rest_api_port": 0,
    "rest_api_timeout_in_ms": 30_000,
    "rest_api_enable_cors_support": False,
    "enable_batching": False,
    "allow_version_labels_for_unavailable_models": False,
    "batching_parameters_file": "",
    "enable_per_model_batching_parameters": False,
    "model_config_file": "",
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "num_load_threads": 0,
    "num_unload_threads": 0,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60_000_000,
    "file_system_poll_wait_seconds": 1,
    "flush_filesystem_caches": True,
    "tensorflow_session_parallelism": 0,
    "tensorflow_session_config_file": "",
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_inter_op_parallelism": 0,
    "use_alts_credentials": False,
    "ssl_config_file": "",
    "platform_config_file": "",
    "per_process_gpu_memory_fraction": 0.0,
    "saved_model_tags": "serve",
    "enable_model_warmup": True,
    "num_request_iterations_for_warmup": 0,
    "monitoring_config_file": "",
    "remove_unused_fields_from_bundle_metagraph": True,
    "prefer_tflite_model": False,
    "enable_signature_method_name_check": False,
    "xla_cpu_compilation_enabled": False,
    "xla_gpu_compilation_enabled": False,
    "enable_profiler": False,
    "thread_pool_factory_config_file": "",
    "mixed_precision": "",
    "skip_initialize_tpu": False,
    "enable_grpc_healthcheck_service": False,
    "enable_serialization_as_tensor_content": False,
}
# Those whose default depends on the machine, or is none.
_UPSTREAM_NAMES = {
    *_UPSTREAM,
    *("model_base_path", "rest_api_num_threads", "grpc_max_threads", "grpc_channel_arguments"),
    *("num_tflite_pools", "num_tflite_interpreters_per_pool"),
}
_OWN = {
    *("rest_api_address", "max_queued_requests", "max_request_bytes", "max_request_rows", "shutdown_grace_seconds"),
    *("log_format", "log_requests", "request_log_dir", "request_log_sampling_rate"),
    *("explorer", "explorer_histories"),
}


@pytest.fixture
def set_flags():
    """Sets flags by name for one test."""
    parsed = flags.FLAGS.is_parsed()
    if not parsed:
        flags.FLAGS.mark_as_parsed()
    before = {name: (flags.FLAGS[name].value, flags.FLAGS[name].present) for name in (*_UPSTREAM_NAMES, *_OWN)}

    def set_them(**values):
        for name, value in values.items():
            flags.FLAGS[name].value = value

    yield set_them
    for name, (value, present) in before.items():
        flags.FLAGS[name].value, flags.FLAGS[name].present = value, present


def test_every_flag_of_tensorflow_model_server_is_there_with_its_default():
    assert {name: flags.FLAGS[name].default for name in _UPSTREAM} == _UPSTREAM


def test_every_flag_is_in_one_group_of_the_help():
    grouped = [name for names in server_flags.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(_UPSTREAM_NAMES | _OWN)
    text = server_flags.grouped_help()
    for name in grouped:
        assert f"\n  --{name}: " in text


def test_the_defaults_of_flags_and_configuration_agree(set_flags):
    set_flags(model_base_path="models")
    config = server_flags.config_from_flags()
    defaults = server_config.ServerConfig(model_base_path=config.model_base_path)
    assert dataclasses.asdict(config) == dataclasses.asdict(defaults)


@pytest.mark.parametrize("name", refused_flags.NAMES)
def test_what_is_not_offered_is_refused_with_a_remedy(set_flags, name):
    default = flags.FLAGS[name].default
    asked = (not default) if isinstance(default, bool) else 7 if isinstance(default, int) else "a.pbtxt"
    set_flags(model_base_path="models", **{name: asked})
    with pytest.raises(server_config.ServerConfigError) as refusal:
        server_flags.config_from_flags()
    start = f"--{name} of tensorflow_model_server is not offered by this server, but is {asked!r}: "
    assert str(refusal.value).startswith(start)
    assert len(str(refusal.value)) > len(start) + 20


def test_arguments_of_channels_are_numbers_where_they_read_as_such(set_flags):
    set_flags(
        model_base_path="models",
        grpc_channel_arguments=["grpc.max_connection_age_ms=2000", "grpc.lb_policy_name=round_robin", "a=-1"],
    )
    arguments = server_flags.config_from_flags().grpc_channel_arguments
    assert arguments == {"grpc.max_connection_age_ms": 2000, "grpc.lb_policy_name": "round_robin", "a": -1}
    set_flags(grpc_channel_arguments=["lonely"])
    with pytest.raises(server_config.ServerConfigError, match="but 'lonely' is none"):
        server_flags.config_from_flags()


def test_session_parallelism_sets_both_kinds_of_threads_that_are_not_set_themselves(set_flags):
    set_flags(model_base_path="models", tensorflow_session_parallelism=3, tensorflow_inter_op_parallelism=5)
    config = server_flags.config_from_flags()
    assert (config.tensorflow_intra_op_parallelism, config.tensorflow_inter_op_parallelism) == (3, 5)
