"""Threads and devices of the sessions that run models, from the server's flags."""

from google.protobuf import text_format
from tensorflow.core.protobuf import config_pb2

from serving.server import server_config


def from_config(config: server_config.ServerConfig) -> config_pb2.ConfigProto:
    """Returns what sessions are made with; the flags count for more than the file.

    Raises:
      ServerConfigError: if the file cannot be read, or is no ConfigProto.
    """
    session_config = config_pb2.ConfigProto()
    path = config.tensorflow_session_config_file
    if path:
        try:
            text_format.Parse(path.read_text("utf-8"), session_config)
        except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
            raise server_config.ServerConfigError(
                f"--tensorflow_session_config_file={path} must hold a ConfigProto in protobuf's text format: {error}."
            ) from error
    if config.tensorflow_intra_op_parallelism:
        session_config.intra_op_parallelism_threads = config.tensorflow_intra_op_parallelism
    if config.tensorflow_inter_op_parallelism:
        session_config.inter_op_parallelism_threads = config.tensorflow_inter_op_parallelism
    if config.per_process_gpu_memory_fraction:
        session_config.gpu_options.per_process_gpu_memory_fraction = config.per_process_gpu_memory_fraction
    return session_config
