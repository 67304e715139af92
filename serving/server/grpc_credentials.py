"""TLS of the gRPC port, from TensorFlow Serving's SSLConfig file."""

import os
import pathlib
import ssl

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
    _require_pair(path, config.server_key, config.server_cert)
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _require_pair(path: pathlib.Path, key: str, certificate: str) -> None:
    """Refuses a key that is not that of the certificate; gRPC would say that the port cannot be used."""
    # The library reads files only; this one is in memory.
    file = os.memfd_create("certificate")
    try:
        os.write(file, f"{certificate}\n{key}\n".encode())
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"/proc/self/fd/{file}")
    except (ssl.SSLError, OSError) as error:
        raise server_config.ServerConfigError(
            f"--ssl_config_file={path}: server_key and server_cert must be a key and its certificate, but are not: "
            f"{getattr(error, 'reason', None) or error}."
        ) from None
    finally:
        os.close(file)
