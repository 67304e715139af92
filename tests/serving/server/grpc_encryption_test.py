"""The gRPC port encrypted, with and without certificates of clients."""

import socket

import grpc
import pytest
import trustme

from serving.server import grpc_credentials, server_config, start_checks
from tests.serving import tiny_models
from tests.serving.server import grpc_asking, raw_http


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ssl_config_file(authority, tmp_path):
    """Returns a function that writes an SSLConfig of a server at 127.0.0.1."""

    def write(client_verify):
        issued = authority.issue_cert("127.0.0.1")
        fields = {
            "server_key": issued.private_key_pem.bytes(),
            "server_cert": issued.cert_chain_pems[0].bytes(),
            "custom_ca": authority.cert_pem.bytes(),
        }
        lines = [f'{name}: "{value.decode()!s}"'.replace("\n", "\\n") for name, value in fields.items()]
        path = tmp_path / "ssl.config"
        path.write_text("\n".join([*lines, f"client_verify: {str(client_verify).lower()}"]))
        return path

    return write


def test_an_encrypted_port_answers_who_trusts_its_authority_and_refuses_plain_text(
    playground_dir, ssl_config_file, authority
):
    with tiny_models.running_server(playground_dir.parent, ssl_config_file=ssl_config_file(False)) as server:
        trusting = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        with grpc.secure_channel(f"127.0.0.1:{server.port}", trusting) as channel:
            assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [2.0]
        with grpc_asking.channel_to(server) as channel, pytest.raises(grpc.RpcError) as refusal:
            grpc_asking.predict(channel)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(playground_dir, ssl_config_file, authority):
    mine = authority.issue_cert("client@example.org")
    stranger = trustme.CA().issue_cert("client@example.org")
    with tiny_models.running_server(playground_dir.parent, ssl_config_file=ssl_config_file(True)) as server:

        def ask(*key_and_chain):
            credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *key_and_chain)
            with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
                return list(grpc_asking.predict(channel).outputs["y"].float_val)

        assert ask(mine.private_key_pem.bytes(), mine.cert_chain_pems[0].bytes()) == [2.0]
        for nobody in ((), (stranger.private_key_pem.bytes(), stranger.cert_chain_pems[0].bytes())):
            with pytest.raises(grpc.RpcError) as refusal:
                ask(*nobody)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
        with grpc_asking.channel_to(server) as channel, pytest.raises(grpc.RpcError) as refusal:
            grpc_asking.predict(channel)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
        # Who was refused has not harmed the others.
        assert ask(mine.private_key_pem.bytes(), mine.cert_chain_pems[0].bytes()) == [2.0]


def test_an_encrypted_port_closes_connections_that_speak_plainly(playground_dir, ssl_config_file):
    with tiny_models.running_server(playground_dir.parent, ssl_config_file=ssl_config_file(True)) as server:
        for said in (b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(300)):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                connection.sendall(said)
                # At most the alert of TLS, no word of HTTP.
                assert b"HTTP" not in raw_http.until_closed(connection)


def test_a_key_of_another_certificate_is_told_before_anything_is_loaded(ssl_config_file, authority, tmp_path):
    text = ssl_config_file(False).read_text().splitlines()
    other = authority.issue_cert("127.0.0.1").private_key_pem.bytes().decode().replace("\n", "\\n")
    (tmp_path / "wrong.config").write_text("\n".join([f'server_key: "{other}"', *text[1:]]))
    config = server_config.ServerConfig(tmp_path, ssl_config_file=tmp_path / "wrong.config")
    with pytest.raises(server_config.ServerConfigError) as refusal:
        start_checks.check(config)
    assert str(refusal.value) == (
        f"--ssl_config_file={tmp_path / 'wrong.config'}: server_key and server_cert must be a key and its certificate, "
        "but are not: KEY_VALUES_MISMATCH."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('server_key: "/etc/key.pem"', "server_key must be the PEM text itself, -----BEGIN and so on, not a path"),
        (
            'server_key: "-----BEGIN A" server_cert: "-----BEGIN B" client_verify: true',
            "client_verify needs custom_ca, the authorities whose certificates clients must show",
        ),
        (
            'key: "k"',
            "line 1, at `key`, is no SSLConfig in protobuf text format; its fields are server_key, server_cert",
        ),
    ],
)
def test_a_wrong_ssl_config_is_refused_with_a_sentence(tmp_path, text, sentence):
    (tmp_path / "ssl.config").write_text(text)
    with pytest.raises(server_config.ServerConfigError, match=sentence):
        grpc_credentials.read(tmp_path / "ssl.config")
