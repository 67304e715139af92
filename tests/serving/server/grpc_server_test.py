"""What the gRPC port does besides answering: encrypt, tell its health, refuse too much, end what is too late."""

import concurrent.futures
import contextlib
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import grpc_credentials, model_registry, server_config
from tests.serving import tiny_models


def _request(x=0.0, signature_name="", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.signature_name = signature_name
    for name, value in (inputs or {"x": np.array([[x]], np.float32)}).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def _waiting(path):
    return _request(signature_name="wait", path=str(path))


@contextlib.contextmanager
def _channel(server, **options):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", list(options.items())) as channel:
        yield channel


def _predict(channel, request=None, timeout=10):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request or _request(), timeout=timeout)


def _status(channel):
    request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "tiny"})
    return model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=10)


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
            assert list(_predict(channel).outputs["y"].float_val) == [2.0]
        with _channel(server) as channel, pytest.raises(grpc.RpcError) as refusal:
            _predict(channel)
        assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(playground_dir, ssl_config_file, authority):
    mine = authority.issue_cert("client@example.org")
    stranger = trustme.CA().issue_cert("client@example.org")
    with tiny_models.running_server(playground_dir.parent, ssl_config_file=ssl_config_file(True)) as server:

        def ask(*key_and_chain):
            credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *key_and_chain)
            with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
                return list(_predict(channel).outputs["y"].float_val)

        assert ask(mine.private_key_pem.bytes(), mine.cert_chain_pems[0].bytes()) == [2.0]
        for nobody in ((), (stranger.private_key_pem.bytes(), stranger.cert_chain_pems[0].bytes())):
            with pytest.raises(grpc.RpcError) as refusal:
                ask(*nobody)
            assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


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


def test_a_unix_socket_answers_beside_the_port(playground_dir, tmp_path):
    path = tmp_path / "grpc.sock"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_socket_path=str(path)) as server,
        _channel(server) as channel,
        grpc.insecure_channel(f"unix:{path}") as local,
    ):
        assert _predict(local) == _predict(channel)


def test_health_is_told_where_asked_for_and_turns_before_the_end(playground_dir):
    serving, gone = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    with contextlib.ExitStack() as stack:
        running = tiny_models.running_server(playground_dir.parent, enable_grpc_healthcheck_service=True)
        server = running.__enter__()
        stub = health_pb2_grpc.HealthStub(stack.enter_context(_channel(server)))
        assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == serving
        watched = stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watched).status == serving
        running.__exit__(None, None, None)
        assert next(watched).status == gone


def test_health_is_told_while_a_reload_takes_its_time_and_another_one_waits(playground_dir, tmp_path, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(model_registry.ModelRegistry, "reload", lambda self, models: gate.wait(60))
    with (
        tiny_models.running_server(playground_dir.parent, enable_grpc_healthcheck_service=True) as server,
        _channel(server) as channel,
        concurrent.futures.ThreadPoolExecutor(3) as pool,
    ):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest(config={"model_config_list": {}})
        reloads = [pool.submit(stub.HandleReloadConfigRequest, request, timeout=60) for _ in range(3)]
        time.sleep(0.2)
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        gate.set()
        assert all(each.result().status.error_code == 0 for each in reloads)


def test_without_the_flag_there_is_no_health_service(playground):
    with _channel(playground) as channel, pytest.raises(grpc.RpcError) as refusal:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_more_than_may_wait_are_refused_while_status_and_health_are_told(playground_dir, tmp_path):
    gate = tmp_path / "open"
    options = {"grpc_max_threads": 1, "max_queued_requests": 1, "enable_grpc_healthcheck_service": True}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as server,
        _channel(server) as channel,
        concurrent.futures.ThreadPoolExecutor(2) as pool,
    ):
        busy = [pool.submit(_predict, channel, _waiting(gate), 60) for _ in range(2)]

        # One runs and one waits, or soon will.
        time.sleep(0.3)
        with pytest.raises(grpc.RpcError) as refusal:
            _predict(channel, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.value.details().startswith("As many requests wait as may (--max_queued_requests); ask again")
        assert _status(channel).model_version_status[0].version == 7
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        gate.touch()
        assert all(call.result().outputs["has_looked"].bool_val == [True] for call in busy)
        assert list(_predict(channel).outputs["y"].float_val) == [2.0]


def test_a_run_that_outlasts_its_deadline_is_ended_and_its_thread_free_again(playground_dir, tmp_path):
    never = tmp_path / "never"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=1) as server,
        _channel(server) as channel,
    ):
        with pytest.raises(grpc.RpcError) as refusal:
            _predict(channel, _waiting(never), timeout=0.5)
        assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        # The only thread would wait for ever.
        assert list(_predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_deadlines_hold_again_after_a_run_that_took_long(playground_dir, tmp_path):
    gate, never = tmp_path / "open", tmp_path / "never"
    gate.touch()
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=2) as server,
        _channel(server) as channel,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        for _ in range(5):
            _predict(channel, _waiting(gate))
        # Known to be quick, so it runs where nothing ends it but its own end; from then on it is known to be slow.
        late = tmp_path / "late"
        slow = pool.submit(_predict, channel, _waiting(late), 60)
        time.sleep(0.3)
        late.touch()
        slow.result()
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as refusal:
                _predict(channel, _waiting(never), timeout=0.3)
            assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert list(_predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_a_request_that_was_cancelled_while_it_waited_is_not_run(playground_dir, tmp_path):
    gate = tmp_path / "open"
    with (
        tiny_models.running_server(playground_dir.parent, grpc_max_threads=1) as server,
        _channel(server) as channel,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        busy = pool.submit(_predict, channel, _waiting(gate), 60)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        time.sleep(0.2)
        # It would wait for a file that never comes, and keep the only thread.
        cancelled = stub.Predict.future(_waiting(tmp_path / "never"))
        time.sleep(0.2)
        cancelled.cancel()
        gate.touch()
        assert busy.result().outputs["has_looked"].bool_val == [True]
        assert list(_predict(channel, timeout=30).outputs["y"].float_val) == [2.0]


def test_a_request_larger_than_the_limit_is_refused(playground_dir):
    with (
        tiny_models.running_server(playground_dir.parent, max_request_bytes=10_000) as server,
        _channel(server) as channel,
    ):
        assert _predict(channel, _request(x=1.0)).outputs["y"].float_val == [2.5]
        with pytest.raises(grpc.RpcError) as refusal:
            _predict(channel, _request(x=np.zeros([10_000, 1], np.float32)))
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_answers_may_come_as_bytes(playground_dir):
    options = {"enable_serialization_as_tensor_content": True}
    with tiny_models.running_server(playground_dir.parent, **options) as server, _channel(server) as channel:
        answer = _predict(channel).outputs["y"]
    assert not answer.float_val
    assert np.frombuffer(answer.tensor_content, np.float32).tolist() == [2.0]


def test_options_of_the_library_reach_it(playground_dir):
    # gRPC closes the connection with INTERNAL details where metadata exceeds this limit.
    arguments = {"grpc.max_metadata_size": 200, "grpc.absolute_max_metadata_size": 200}
    with (
        tiny_models.running_server(playground_dir.parent, grpc_channel_arguments=arguments) as server,
        _channel(server) as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Predict(_request(), timeout=10, metadata=[("long", "x" * 500)])
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_reload_over_grpc_serves_other_models_or_says_why_not(playground_dir, half_plus_three_dir, tmp_path):
    tiny_models.publish(half_plus_three_dir, tmp_path / "three", 1)
    with tiny_models.running_server(playground_dir.parent) as server, _channel(server) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest()
        three = request.config.model_config_list.config.add(
            name="tiny", base_path=str(tmp_path / "three"), model_platform="tensorflow"
        )
        response = stub.HandleReloadConfigRequest(request, timeout=60)
        assert response.HasField("status")
        assert response.status.error_code == 0
        assert list(_predict(channel).outputs["y"].float_val) == [3.0]
        three.base_path = str(tmp_path / "absent")
        with pytest.raises(grpc.RpcError) as refusal:
            stub.HandleReloadConfigRequest(request, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert list(_predict(channel).outputs["y"].float_val) == [3.0]
        with pytest.raises(grpc.RpcError) as refusal:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=60)
        # model_service_impl.cc.
        assert refusal.value.details() == (
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )


def test_two_reloads_at_once_come_one_after_the_other(playground_dir, half_plus_two_dir, half_plus_three_dir, tmp_path):
    tiny_models.publish(half_plus_two_dir, tmp_path / "two", 1)
    tiny_models.publish(half_plus_three_dir, tmp_path / "three", 1)
    with tiny_models.running_server(playground_dir.parent) as server, _channel(server) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)

        def reload(name):
            request = model_management_pb2.ReloadConfigRequest()
            request.config.model_config_list.config.add(
                name="tiny", base_path=str(tmp_path / name), model_platform="tensorflow"
            )
            stub.HandleReloadConfigRequest(request, timeout=60)

        threads = [threading.Thread(target=reload, args=[name]) for name in ("two", "three") * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert _predict(channel).outputs["y"].float_val[0] in (2.0, 3.0)
