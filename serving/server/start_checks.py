"""What has to be in order before a server starts; told without loading TensorFlow or the model."""

import socket

from serving.server import server_config


class ServerStartError(ValueError):
    """The server cannot start; the message says what stands in the way."""


def check(config: server_config.ServerConfig) -> None:
    """Refuses a base path that is no folder and a port that is taken.

    Raises:
      ServerStartError: with the flag and the remedy.
    """
    if not config.model_base_path.is_dir():
        raise ServerStartError(
            f"--model_base_path={config.model_base_path} is no folder. Create it, or point the flag at the folder "
            "that holds the version folders, such as 1."
        )
    if (config.model_base_path / "saved_model.pb").exists():
        raise ServerStartError(
            f"--model_base_path={config.model_base_path} is itself a version; point the flag at the folder above it."
        )
    for flag, port in (("port", config.port), ("rest_api_port", config.rest_api_port)):
        if not port:
            continue
        try:
            bound_socket(port).close()
        except OSError as error:
            raise port_error(flag, port, error) from error


def port_error(flag: str, port: int, error: OSError) -> ServerStartError:
    """Returns the error for a port that cannot be bound."""
    reason = error.strerror or str(error)
    return ServerStartError(
        f"--{flag}={port} cannot be used: {reason}. Choose another port, or stop the process that has it."
    )


def bound_socket(port: int) -> socket.socket:
    """Returns a TCP socket that holds `port` on all addresses without listening yet.

    Raises:
      OSError: if the port is taken.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Connections of a server just stopped linger; they do not keep the port.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("0.0.0.0", port))
    except OSError:
        held.close()
        raise
    return held
