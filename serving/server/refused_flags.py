"""Flags of tensorflow_model_server that this server knows, and refuses where they ask for something."""

from absl import flags

from serving.server import server_config

# What a C++ server decides as it is built is decided here by the TensorFlow that is installed.
flags.DEFINE_bool("xla_cpu_compilation_enabled", False, "XLA is always there in this server; changes nothing.")
flags.DEFINE_bool("xla_gpu_compilation_enabled", False, "XLA is always there in this server; changes nothing.")

flags.DEFINE_bool("use_alts_credentials", False, "Refused.")
flags.DEFINE_string("platform_config_file", "", "Refused.")
flags.DEFINE_bool("enable_per_model_batching_parameters", False, "Refused.")
flags.DEFINE_bool("prefer_tflite_model", False, "Refused.")
flags.DEFINE_integer("num_tflite_pools", 1, "Refused.")
flags.DEFINE_integer("num_tflite_interpreters_per_pool", 1, "Refused.")
flags.DEFINE_bool("enable_profiler", False, "Refused.")
flags.DEFINE_string("thread_pool_factory_config_file", "", "Refused.")
flags.DEFINE_string("mixed_precision", "", "Refused.")
flags.DEFINE_bool("skip_initialize_tpu", False, "Refused.")
flags.DEFINE_bool("remove_unused_fields_from_bundle_metagraph", True, "Refused if false.")

_REMEDIES = {
    "use_alts_credentials": "ALTS exists within Google Cloud only; encrypt with --ssl_config_file.",
    "platform_config_file": "the platform is always TensorFlow; use --tensorflow_session_config_file and "
    "--batching_parameters_file.",
    "enable_per_model_batching_parameters": "all models share --batching_parameters_file; run one server for each "
    "model that needs others.",
    "prefer_tflite_model": "only SavedModels are served.",
    "num_tflite_pools": "only SavedModels are served.",
    "num_tflite_interpreters_per_pool": "only SavedModels are served.",
    "enable_profiler": "profile the exported model in a process of its own with tf.profiler.",
    "thread_pool_factory_config_file": "use --tensorflow_intra_op_parallelism and --tensorflow_inter_op_parallelism.",
    "mixed_precision": "export the model in the precision that it is to have.",
    "skip_initialize_tpu": "TPUs are not served on.",
    "remove_unused_fields_from_bundle_metagraph": "nothing but the signatures is kept of a MetaGraph, so there is "
    "nothing to turn off.",
}
NAMES = tuple(_REMEDIES)


def check() -> None:
    """Refuses a flag that asks for what this server does not have.

    Raises:
      ServerConfigError: with the flag and what to do instead.
    """
    for name, remedy in _REMEDIES.items():
        flag = flags.FLAGS[name]
        if flag.value != flag.default:
            raise server_config.ServerConfigError(
                f"--{name} of tensorflow_model_server is not offered by this server, but is {flag.value!r}: {remedy}"
            )
