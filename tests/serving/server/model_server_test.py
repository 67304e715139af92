"""The whole server in this process: swaps under load, ports, draining."""

import concurrent.futures
import shutil
import socket
import threading
import time

import httpx
import numpy as np
import pytest

from serving import client, errors
from serving.server import model_server, server_config, start_checks
from tests.serving import tiny_models


def _config(base_path, **options):
    defaults = {"port": tiny_models.free_port(), "rest_api_port": tiny_models.free_port(), "max_num_load_retries": 0}
    return server_config.ServerConfig(model_base_path=base_path, **{**defaults, **options})


def _asking(predict, answers, stop):
    while not stop.is_set():
        try:
            answers.append(float(predict()))
        except Exception as error:
            answers.append(error)


def test_no_request_fails_while_versions_are_swapped(tmp_path, half_plus_two_dir, half_plus_three_dir):
    base_path = tmp_path / "tiny"
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    stop = threading.Event()
    with tiny_models.running_server(base_path) as config:
        rest = client.RestClient(f"http://127.0.0.1:{config.rest_api_port}")
        grpc = client.GrpcClient(f"127.0.0.1:{config.port}")
        answers = {"rest": [], "grpc": []}
        threads = [
            threading.Thread(
                target=_asking,
                args=(lambda asked=asked: asked.predict("tiny", {"x": [[0.0]]})["y"][0, 0], answers[name], stop),
            )
            for name, asked in (("rest", rest), ("grpc", grpc))
        ]
        for thread in threads:
            thread.start()
        for version in (2, 3, 4):
            tiny_models.publish(half_plus_three_dir if version == 4 else half_plus_two_dir, base_path, version)
            tiny_models.wait_until(lambda version=version: rest.status("tiny")[0].version == version)
        tiny_models.wait_until(lambda: all(values and values[-1] == 3.0 for values in answers.values()))
        stop.set()
        for thread in threads:
            thread.join()
        rest.close()
        grpc.close()
    for values in answers.values():
        # Only numbers, and never back from the new model to the old one.
        assert values == sorted(values)
        assert set(values) == {2.0, 3.0}


def test_a_broken_version_is_told_over_both_protocols_while_the_old_one_serves(tmp_path, half_plus_two_dir):
    base_path = tmp_path / "tiny"
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    with (
        tiny_models.running_server(base_path) as config,
        client.RestClient(f"http://127.0.0.1:{config.rest_api_port}") as rest,
        client.GrpcClient(f"127.0.0.1:{config.port}") as grpc,
    ):
        (base_path / "2").mkdir()
        tiny_models.wait_until(lambda: len(rest.status("tiny")) == 2)
        tiny_models.wait_until(lambda: rest.status("tiny", version=2)[0].state == "END")
        newest, old = rest.status("tiny")
        assert (newest.version, newest.error_code) == (2, errors.StatusCode.NOT_FOUND)
        assert newest.error_message.startswith("Could not find SavedModel .pb")
        assert (old.version, old.state, old.error_code) == (1, "AVAILABLE", errors.StatusCode.OK)
        assert grpc.status("tiny") == rest.status("tiny")
        assert rest.predict("tiny", {"x": [[0.0]]})["y"].item() == 2.0


def test_stopping_answers_the_requests_under_way_and_takes_no_more(playground_dir, tmp_path):
    gate, open_gate = tmp_path / "open", tmp_path / "always open"
    open_gate.touch()
    with tiny_models.running_server(playground_dir.parent) as config:
        outcomes = {}
        clients = {
            "rest": client.RestClient(f"http://127.0.0.1:{config.rest_api_port}"),
            "grpc": client.GrpcClient(f"127.0.0.1:{config.port}"),
        }

        def ask(name):
            outcomes[name] = clients[name].predict("tiny", {"path": str(gate)}, "wait")["has_looked"].item()

        for asked in clients.values():
            asked.predict("tiny", {"path": str(open_gate)}, "wait")
        threads = [threading.Thread(target=ask, args=[name]) for name in clients]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        assert not outcomes
        threading.Timer(0.3, gate.touch).start()
    for thread in threads:
        thread.join()
    assert outcomes == {"rest": True, "grpc": True}
    for asked in clients.values():
        with pytest.raises(errors.UnavailableError, match="Start the model server, or check the address"):
            asked.predict("tiny", {"path": str(open_gate)}, "wait")
        asked.close()


def test_an_answer_that_takes_too_long_is_504(playground_dir, tmp_path):
    with tiny_models.running_server(playground_dir.parent, rest_api_timeout_in_ms=50) as config:
        url = f"http://127.0.0.1:{config.rest_api_port}/v1/models/tiny:predict"
        response = httpx.post(
            url, json={"signature_name": "wait", "inputs": str(tmp_path / "open")}, trust_env=False, timeout=10
        )
        (tmp_path / "open").touch()
    assert response.status_code == 504
    assert response.json() == {"error": "POST /v1/models/tiny:predict took longer than 50 ms."}


def test_connections_are_kept_open_between_requests(playground):
    request = b"GET /v1/models/tiny HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", playground.rest_api_port)) as connection:
        for _ in range(2):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_many_clients_at_once_each_get_their_own_answer(playground):
    wrong = []

    def ask(asked, offset):
        for step in range(20):
            x = float(offset * 100 + step)
            if asked.predict("tiny", {"x": np.array([[x]], np.float32)})["y"].item() != x / 2 + 2:
                wrong.append(x)

    clients = [client.RestClient(f"http://127.0.0.1:{playground.rest_api_port}") for _ in range(4)]
    clients += [client.GrpcClient(f"127.0.0.1:{playground.port}") for _ in range(4)]
    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, range(8), strict=True)]
    for thread in threads:
        thread.start()
    for thread, asked in zip(threads, clients, strict=True):
        thread.join()
        asked.close()
    assert not wrong


def test_requests_that_run_together_are_answered_each_with_its_own(playground_dir, tmp_path):
    (tmp_path / "batching.config").write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 2000 }")
    options = {"enable_batching": True, "batching_parameters_file": tmp_path / "batching.config"}
    with (
        tiny_models.running_server(playground_dir.parent, **options) as config,
        client.GrpcClient(f"127.0.0.1:{config.port}") as asked,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):

        def ask(x):
            return asked.predict("tiny", {"x": [[float(x)]]})["y"].tolist()

        assert list(pool.map(ask, range(200))) == [[[x / 2 + 2]] for x in range(200)]


def test_wrong_parameters_of_batching_are_told_before_anything_is_loaded(playground_dir, tmp_path):
    (tmp_path / "batching.config").write_text("max_batch_size { value: 0 }")
    options = {"enable_batching": True, "batching_parameters_file": tmp_path / "batching.config"}
    with pytest.raises(server_config.ServerConfigError, match="max_batch_size must be positive; was 0"):
        model_server.ModelServer(_config(playground_dir.parent, **options))


def test_a_changed_file_of_models_takes_effect_and_a_wrong_one_does_not(
    tmp_path, half_plus_two_dir, half_plus_three_dir, caplog
):
    tiny_models.publish(half_plus_two_dir, tmp_path / "two", 1)
    tiny_models.publish(half_plus_three_dir, tmp_path / "three", 1)
    file = tmp_path / "models.config"

    def write(*names):
        configs = [
            f'config {{ name: "{name}" base_path: "{tmp_path / name}" model_platform: "tensorflow" }}' for name in names
        ]
        (tmp_path / "next").write_text(f"model_config_list {{ {' '.join(configs)} }}")
        (tmp_path / "next").rename(file)

    write("two")
    options = {"model_config_file": file, "model_config_file_poll_wait_seconds": 0.05}
    with (
        tiny_models.running_server(None, **options) as config,
        client.RestClient(f"http://127.0.0.1:{config.rest_api_port}") as asked,
    ):
        assert asked.predict("two", {"x": [[0.0]]})["y"].item() == 2.0
        write("two", "absent")
        tiny_models.wait_until(lambda: "Could not find base path" in caplog.text)
        assert f"Refused {file}, what served before keeps serving: INVALID_ARGUMENT" in caplog.text
        write("three")
        tiny_models.wait_until(lambda: "Now serving three" in caplog.text)
        assert asked.predict("three", {"x": [[0.0]]})["y"].item() == 3.0
        with pytest.raises(errors.NotFoundError):
            asked.predict("two", {"x": [[0.0]]})
        assert caplog.text.count("Refused") == 1


def test_a_port_may_be_left_out(tmp_path, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    with (
        tiny_models.running_server(tmp_path / "tiny", port=0) as config,
        client.RestClient(f"http://127.0.0.1:{config.rest_api_port}") as rest,
    ):
        assert rest.status("tiny")[0].state == "AVAILABLE"


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
def test_a_taken_port_is_told_before_anything_is_loaded(tmp_path, flag):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            model_server.ModelServer(_config(tmp_path, **{flag: port})) as server,
            pytest.raises(start_checks.ServerStartError) as refusal,
        ):
            server.start()
    assert str(refusal.value) == (
        f"--{flag}={port} cannot be used: Address already in use. Choose another port, or stop the process that has it."
    )


def test_two_servers_cannot_share_a_port(tmp_path, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    with (
        tiny_models.running_server(tmp_path / "tiny") as config,
        model_server.ModelServer(_config(tmp_path / "tiny", port=config.port)) as second,
        pytest.raises(start_checks.ServerStartError, match=f"--port={config.port} cannot be used"),
    ):
        second.start()


def test_a_missing_base_path_is_told(tmp_path):
    with (
        model_server.ModelServer(_config(tmp_path / "absent")) as server,
        pytest.raises(start_checks.ServerStartError, match=r"--model_base_path=.*absent is no folder\. Create it"),
    ):
        server.start()


def test_a_model_that_cannot_be_loaded_ends_the_start(tmp_path, half_plus_two_dir):
    shutil.copytree(half_plus_two_dir, tmp_path / "1")
    (tmp_path / "1" / "saved_model.pb").unlink()
    with (
        model_server.ModelServer(_config(tmp_path)) as server,
        pytest.raises(errors.FailedPreconditionError, match="Model default did not become available: version 1"),
    ):
        server.start()


def test_no_port_is_open_before_a_version_answers(tmp_path):
    config = _config(tmp_path)
    checks = []

    def is_stopped():
        with socket.socket() as probe:
            checks.append(probe.connect_ex(("127.0.0.1", config.port)))
        return len(checks) == 2

    with model_server.ModelServer(config) as server:
        assert not server.start(is_stopped)
    assert all(checks)
