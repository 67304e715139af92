"""Models that are changed over gRPC while the server runs."""

import concurrent.futures
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
)

from serving.server import model_registry
from tests.serving import tiny_models
from tests.serving.server import grpc_asking


def test_health_and_answers_are_given_while_a_reload_takes_its_time_and_others_wait(
    playground_dir, tmp_path, monkeypatch
):
    gate = threading.Event()
    monkeypatch.setattr(model_registry.ModelRegistry, "reload", lambda self, models: gate.wait(60))
    with (
        tiny_models.running_server(
            playground_dir.parent, enable_grpc_healthcheck_service=True, grpc_max_threads=1
        ) as server,
        grpc_asking.channel_to(server) as channel,
        concurrent.futures.ThreadPoolExecutor(3) as pool,
    ):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest(config={"model_config_list": {}})
        reloads = [pool.submit(stub.HandleReloadConfigRequest, request, timeout=60) for _ in range(3)]
        time.sleep(1.0)
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        # Nor do they take the only thread.
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [2.0]
        gate.set()
        assert all(each.result().status.error_code == 0 for each in reloads)


def test_a_reload_over_grpc_serves_other_models_or_says_why_not(playground_dir, half_plus_three_dir, tmp_path):
    tiny_models.publish(half_plus_three_dir, tmp_path / "three", 1)
    with tiny_models.running_server(playground_dir.parent) as server, grpc_asking.channel_to(server) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = model_management_pb2.ReloadConfigRequest()
        three = request.config.model_config_list.config.add(
            name="tiny", base_path=str(tmp_path / "three"), model_platform="tensorflow"
        )
        response = stub.HandleReloadConfigRequest(request, timeout=60)
        assert response.HasField("status")
        assert response.status.error_code == 0
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [3.0]
        three.base_path = str(tmp_path / "absent")
        with pytest.raises(grpc.RpcError) as refusal:
            stub.HandleReloadConfigRequest(request, timeout=60)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert list(grpc_asking.predict(channel).outputs["y"].float_val) == [3.0]
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
    with tiny_models.running_server(playground_dir.parent) as server, grpc_asking.channel_to(server) as channel:
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
        assert grpc_asking.predict(channel).outputs["y"].float_val[0] in (2.0, 3.0)
