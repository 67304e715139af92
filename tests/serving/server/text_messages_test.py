import pathlib

import pytest

from serving.server import server_config, text_messages

_PATH = pathlib.Path("some.config")


def test_a_monitoring_config_reads_as_in_the_documentation():
    # Monitoring configuration in serving_config.md of TensorFlow Serving.
    text = 'prometheus_config {\n  enable: true,\n  path: "/monitoring/prometheus/metrics"\n}'
    message = text_messages.parse(text, text_messages.MonitoringConfig, _PATH)
    assert message.prometheus_config.enable
    assert message.prometheus_config.path == "/monitoring/prometheus/metrics"


def test_an_ssl_config_reads_with_lines_inside_its_texts(tmp_path):
    path = tmp_path / "ssl.config"
    path.write_text(
        'server_key: "-----BEGIN\\nabc"\n# A comment.\nserver_cert: "c" custom_ca: "d"\nclient_verify: true'
    )
    message = text_messages.read(path, text_messages.SSLConfig)
    assert (message.server_key, message.server_cert, message.custom_ca) == ("-----BEGIN\nabc", "c", "d")
    assert message.client_verify


def test_what_a_file_leaves_out_is_empty():
    message = text_messages.parse("", text_messages.SSLConfig, _PATH)
    assert (message.server_key, message.client_verify) == ("", False)
    assert not text_messages.parse("", text_messages.MonitoringConfig, _PATH).HasField("prometheus_config")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "prometheus_config {\n  enabled: true\n}",
            "some.config, line 2, at `enabled: true`, is no MonitoringConfig in protobuf text format: Message type "
            '"tensorflow.serving.PrometheusConfig" has no field named "enabled"; its fields are prometheus_config.',
        ),
        (
            "prometheus_config { enable: perhaps }",
            "some.config, line 1, at `prometheus_config { enable: perhaps }`, is no MonitoringConfig in protobuf text "
            'format: Expected "true" or "false"; its fields are prometheus_config.',
        ),
        (
            "\n{\n",
            "some.config, line 2, at `{`, is no MonitoringConfig in protobuf text format: Expected identifier or "
            "number, got {; its fields are prometheus_config.",
        ),
        (
            "prometheus_config {\n  enable: true",
            "some.config, line 2, at `enable: true`, is no MonitoringConfig in protobuf text format: Expected "
            '"}"; its fields are prometheus_config.',
        ),
    ],
)
def test_what_is_no_such_message_is_refused_with_file_line_and_field(text, sentence):
    with pytest.raises(server_config.ServerConfigError) as refusal:
        text_messages.parse(text, text_messages.MonitoringConfig, _PATH)
    assert str(refusal.value) == sentence


def test_a_file_of_keys_in_place_of_another_keeps_them_to_itself():
    text = 'server_key: "-----BEGIN PRIVATE KEY-----\\nsecret"'
    with pytest.raises(server_config.ServerConfigError) as refusal:
        text_messages.parse(text, text_messages.MonitoringConfig, _PATH)
    assert str(refusal.value) == (
        "some.config, line 1, at `server_key`, is no MonitoringConfig in protobuf text format; its fields are "
        "prometheus_config."
    )


def test_a_refused_ssl_config_keeps_its_key_to_itself():
    with pytest.raises(server_config.ServerConfigError) as refusal:
        text_messages.parse('custom_ca: ""\nserver_key: "secret, and no end', text_messages.SSLConfig, _PATH)
    assert str(refusal.value) == (
        "some.config, line 2, at `server_key`, is no SSLConfig in protobuf text format; its fields are server_key, "
        "server_cert, custom_ca, client_verify."
    )
    assert refusal.value.__cause__ is None


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(server_config.ServerConfigError, match="absent cannot be read: No such file or directory"):
        text_messages.read(tmp_path / "absent", text_messages.SSLConfig)
    (tmp_path / "binary").write_bytes(b"ab\xff")
    with pytest.raises(server_config.ServerConfigError, match="binary is no text: byte 2 is not UTF-8"):
        text_messages.read(tmp_path / "binary", text_messages.SSLConfig)


def test_the_line_of_a_field_is_the_last_that_sets_it_outside_of_a_comment():
    text = "sizes: 1\n# count: 3\nsizes: 2\ncount { value: 3 } # sizes\n"
    assert text_messages.line_of(text, "sizes") == 3
    assert text_messages.line_of(text, "count") == 4
    assert text_messages.line_of(text, "size") is None
