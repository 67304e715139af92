"""What has to be in order before a server starts; told without loading TensorFlow or the model."""

import pathlib
import socket
from collections.abc import Sequence

from serving.server import grpc_credentials, model_config, server_config, text_messages

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
_ALL_ADDRESSES, _LOOPBACK = "0.0.0.0", "127.0.0.1"


class ServerStartError(ValueError):
    """The server cannot start; the message says what stands in the way."""


def check(config: server_config.ServerConfig) -> None:
    """Refuses files that say nothing, base paths that are no folders and a port that is taken.

    Raises:
      ServerStartError, ServerConfigError, ServingError: with the flag and the remedy.
    """
    for model in models(config):
        _check_base_path(model.base_path, "--model_base_path=" if not config.model_config_file else f"{model.name}: ")
    metrics_path(config)
    if config.explorer_histories:
        # Only then the server needs pyarrow, whose import takes a moment.
        from serving.server.explorer import histories

        histories.check(config.explorer_histories)
    if config.ssl_config_file:
        grpc_credentials.read(config.ssl_config_file)
    socket_folder = pathlib.Path(config.grpc_socket_path).absolute().parent
    if config.grpc_socket_path and not socket_folder.is_dir():
        raise ServerStartError(
            f"--grpc_socket_path={config.grpc_socket_path}: {socket_folder} is no folder. Create it."
        )
    for flag, port, address in (
        ("port", config.port, _ALL_ADDRESSES),
        ("rest_api_port", config.rest_api_port, rest_address(config)),
    ):
        if not port:
            continue
        try:
            bound_socket(port, address).close()
        except OSError as error:
            raise port_error(flag, port, error) from error


def models(config: server_config.ServerConfig) -> Sequence[model_config.ModelConfig]:
    """Returns the models to serve at first.

    Raises:
      ServingError: if the file that names them is wrong.
    """
    if config.model_config_file:
        return model_config.read(config.model_config_file)
    return [model_config.ModelConfig(config.model_name, config.model_base_path)]


def metrics_path(config: server_config.ServerConfig) -> str | None:
    """Returns where metrics are answered; `None` for nowhere.

    Raises:
      ServerConfigError: if the file that says so is wrong.
    """
    if not config.monitoring_config_file:
        return None
    prometheus = text_messages.read(config.monitoring_config_file, text_messages.MonitoringConfig).prometheus_config
    path = prometheus.path or DEFAULT_METRICS_PATH
    if not path.startswith("/"):
        raise server_config.ServerConfigError(
            f"--monitoring_config_file={config.monitoring_config_file}: path must begin with a slash, but is {path!r}."
        )
    return path if prometheus.enable else None


def rest_address(config: server_config.ServerConfig) -> str:
    """Returns what REST listens on: it has no encryption, so beside encrypted gRPC it stays on this machine."""
    return config.rest_api_address or (_LOOPBACK if config.ssl_config_file else _ALL_ADDRESSES)


def port_error(flag: str, port: int, error: OSError) -> ServerStartError:
    """Returns the error for a port that cannot be bound."""
    reason = error.strerror or str(error)
    return ServerStartError(
        f"--{flag}={port} cannot be used: {reason}. Choose another port, or stop the process that has it."
    )


def bound_socket(port: int, address: str = _ALL_ADDRESSES) -> socket.socket:
    """Returns a TCP socket that holds `port` of an address without listening yet.

    Raises:
      OSError: if the port is taken, or the address is not of this machine.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of a server just stopped linger; they do not keep the port.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, port))
    except OSError:
        held.close()
        raise
    return held


def _check_base_path(base_path: pathlib.Path, named: str) -> None:
    try:
        is_folder, is_version = base_path.is_dir(), (base_path / "saved_model.pb").exists()
    except OSError as error:
        raise ServerStartError(f"{named}{base_path} cannot be read: {error.strerror}.") from error
    if not is_folder:
        raise ServerStartError(
            f"{named}{base_path} is no folder. Create it, or point the flag at the folder that holds the version "
            "folders, such as 1."
        )
    if is_version:
        raise ServerStartError(f"{named}{base_path} is itself a version; point the flag at the folder above it.")
