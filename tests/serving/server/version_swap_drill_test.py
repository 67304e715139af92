"""Versions that are swapped every second for a minute while clients ask without a pause, and bad ones among them."""

import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving import client
from tests.serving import tiny_models

_SECONDS = 60


@pytest.mark.drill
@pytest.mark.alone
def test_a_swap_each_second_for_a_minute_fails_no_request_and_versions_only_go_forward(
    tmp_path, half_plus_two_dir, half_plus_three_dir
):
    base_path = tmp_path / "tiny"
    # An odd version answers 0 with 3, an even one with 2.
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    stop = threading.Event()
    with tiny_models.running_server(base_path, file_system_poll_wait_seconds=0.1, max_num_load_retries=1) as server:
        askers = [_asking_grpc(server, stop) for _ in range(3)] + [_asking_rest(server, stop) for _ in range(2)]
        for asker in askers:
            asker.start()
        end, version = time.monotonic() + _SECONDS, 2
        while time.monotonic() < end:
            version += 1
            if version % 10 == 0:
                # Half-written: it never replaces the one before.
                (base_path / str(version)).mkdir()
            else:
                tiny_models.publish(half_plus_three_dir if version % 2 else half_plus_two_dir, base_path, version)
            shutil.rmtree(base_path / str(version - 5), ignore_errors=True)
            time.sleep(1.0)
        good = version - (version % 10 == 0)
        tiny_models.wait_until(lambda: all(asker.seen and asker.seen[-1][0] in (good, None) for asker in askers))
        stop.set()
        for asker in askers:
            asker.join()
    assert [asker.failure for asker in askers] == [None] * len(askers)
    for asker in askers:
        versions = [number for number, _ in asker.seen if number is not None]
        assert versions == sorted(versions)
        assert not any(number % 10 == 0 for number in versions)
        assert all(answer == (3.0 if number % 2 else 2.0) for number, answer in asker.seen if number is not None)
        assert {answer for _, answer in asker.seen} == {2.0, 3.0}
        assert len(asker.seen) > _SECONDS
    assert len({number for number, _ in askers[0].seen}) > _SECONDS // 2


class _Asker(threading.Thread):
    """Asks without a pause and keeps version and answer; the first failure ends it."""

    def __init__(self, ask, stop):
        super().__init__(daemon=True)
        self.seen, self.failure = [], None
        self._ask, self._stop_asking = ask, stop

    def run(self):
        while not self._stop_asking.is_set():
            try:
                self.seen.append(self._ask())
            except Exception as error:
                self.failure = error
                return


def _asking_grpc(server, stop):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(f"127.0.0.1:{server.port}"))
    request = predict_pb2.PredictRequest(model_spec={"name": "tiny"})
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros([1, 1], np.float32)))

    def ask():
        response = stub.Predict(request, timeout=30)
        return response.model_spec.version.value, response.outputs["y"].float_val[0]

    return _Asker(ask, stop)


def _asking_rest(server, stop):
    asked = client.RestClient(f"http://127.0.0.1:{server.rest_api_port}")
    return _Asker(lambda: (None, asked.predict("tiny", {"x": [[0.0]]})["y"].item()), stop)
