"""TLS of the gRPC port, from TensorFlow Serving's SSLConfig file."""

import pathlib

import grpc

from serving.server import server_config, text_messages


def read(path: pathlib.Path) -> grpc.ServerCredentials:
    """Returns what a server needs to encrypt, and to ask clients for certificates if the file says so.

    Args:
      path: an SSLConfig in protobuf's text format; key, certificate and authorities are PEM texts in it.

    Raises:
      ServerConfigError: if it is no SSLConfig, or lacks a part.
    """
    config = text_messages.read(path, text_messages.SSLConfig)
    for field in ("server_key", "server_cert"):
        if not getattr(config, field).startswith("-----BEGIN "):
            raise server_config.ServerConfigError(
                f"--ssl_config_file={path}: {field} must be the PEM text itself, -----BEGIN and so on, not a path."
            )
    if config.client_verify and not config.custom_ca:
        raise server_config.ServerConfigError(
            f"--ssl_config_file={path}: client_verify needs custom_ca, the authorities whose certificates clients "
            "must show."
        )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
