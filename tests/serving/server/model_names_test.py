"""Names of models and labels are looked up among those that are served, and never lead to a file."""

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from tests.serving import tiny_models
from tests.serving.server import grpc_asking, raw_http

_SECRET = "secret"


@pytest.fixture(scope="module")
def server(half_plus_two_dir, tmp_path_factory):
    """A server of one of two models that lie beside each other; gives its config and the folder of both."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("tiny", _SECRET):
        tiny_models.publish(half_plus_two_dir, folder / name, 1)
    with tiny_models.running_server(folder / "tiny") as config:
        yield config, folder


def _names(folder):
    return [
        f"../{_SECRET}",
        f"tiny/../{_SECRET}",
        f"{folder / _SECRET}",
        f"{folder / 'tiny'}",
        f"./{_SECRET}",
        "..",
        ".",
        "tiny/1",
        "tiny\0",
        f"tiny\0/../{_SECRET}",
        "/etc/passwd",
        f"file://{folder / _SECRET}",
        "~root",
        "..\\" + _SECRET,
    ]


def _encodings(name):
    """Returns a name as a client may write it in a path: as it is where HTTP allows, encoded, and encoded twice."""
    encoded = "".join(f"%{byte:02x}" for byte in name.encode())
    plain = [name] if name.isprintable() and " " not in name else []
    return [
        *plain,
        encoded,
        encoded.upper(),
        encoded.replace("%", "%25"),
        name.replace("/", "%2F").replace("\0", "%00"),
    ]


def _statuses(server, method, path):
    with raw_http.connection_to(server) as connection:
        body = b'{"instances": [[0.0]]}' if method == "POST" else b""
        sent = raw_http.request(body, path).replace(b"POST", method.encode(), 1)
        connection.sendall(sent)
        return raw_http.answer(connection)


@pytest.mark.parametrize("place", ["/v1/models/{}", "/v1/models/{}/metadata", "/v1/models/tiny/labels/{}"])
def test_over_rest_no_name_leads_to_a_file(server, place):
    config, folder = server
    assert _statuses(config, "GET", "/v1/models/tiny").startswith(b"HTTP/1.1 200")
    for name in _names(folder):
        for encoded in _encodings(name):
            for method, suffix in (("GET", ""), ("POST", ":predict")):
                answer = _statuses(config, method, place.format(encoded) + suffix)
                assert answer[9:12] in (b"400", b"404"), (method, encoded, answer)
                assert b"half_plus" not in answer
                assert b"root:" not in answer


def test_over_grpc_no_name_leads_to_a_file(server):
    config, folder = server
    with grpc_asking.channel_to(config) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        for name in _names(folder):
            request = grpc_asking.request()
            request.model_spec.name = name
            asked = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": name})
            labelled = grpc_asking.request()
            labelled.model_spec.version_label = name
            for ask, code in (
                (lambda request=request: grpc_asking.predict(channel, request), grpc.StatusCode.NOT_FOUND),
                (lambda asked=asked: stub.GetModelStatus(asked, timeout=10), grpc.StatusCode.NOT_FOUND),
                (lambda made=labelled: grpc_asking.predict(channel, made), grpc.StatusCode.INVALID_ARGUMENT),
            ):
                with pytest.raises(grpc.RpcError) as refusal:
                    ask()
                assert refusal.value.code() is code


def test_a_model_may_be_named_like_a_path_and_is_still_where_its_base_path_says(half_plus_two_dir, tmp_path):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    (tmp_path / "models.config").write_text(
        f'model_config_list {{ config {{ name: "../{_SECRET}" base_path: "{tmp_path / "tiny"}" '
        'model_platform: "tensorflow" } }'
    )
    with tiny_models.running_server(None, model_config_file=tmp_path / "models.config") as config:
        path = f"/v1/models/..%2F{_SECRET}:predict"
        assert _statuses(config, "POST", path).startswith(b"HTTP/1.1 200")


def test_links_are_followed_as_those_who_publish_by_link_expect(half_plus_two_dir, half_plus_three_dir, tmp_path):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "1").symlink_to(half_plus_two_dir)
    (tmp_path / "base").symlink_to(tmp_path / "tiny")
    with tiny_models.running_server(tmp_path / "base") as config, grpc_asking.channel_to(config) as channel:
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [2.0]
        (tmp_path / "tiny" / "2").symlink_to(half_plus_three_dir)
        tiny_models.wait_until(lambda: list(grpc_asking.predict(channel).outputs["y"].float_val) == [3.0])
