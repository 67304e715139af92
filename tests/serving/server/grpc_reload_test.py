"""Models that are changed over gRPC while the server runs."""

import concurrent.futures
import contextlib
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import model_registry
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
