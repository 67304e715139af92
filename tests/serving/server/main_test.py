"""The server as a process of its own."""

import contextlib
import re
import signal
import subprocess
import sys

import pytest

from serving import client, errors
from tests.serving import tiny_models


@contextlib.contextmanager
def _process(*flags):
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.server", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _is_available(rest):
    with contextlib.suppress(errors.UnavailableError):
        return rest.status("tiny")[0].state == "AVAILABLE"
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_until_it_is_told_to_stop_and_exits_with_0(tmp_path, half_plus_two_dir, number):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    port, rest_api_port = tiny_models.free_port(), tiny_models.free_port()
    flags = ["--model_name=tiny", f"--model_base_path={tmp_path / 'tiny'}"]
    with (
        _process(*flags, f"--port={port}", f"--rest_api_port={rest_api_port}") as process,
        client.RestClient(f"http://127.0.0.1:{rest_api_port}") as rest,
    ):
        tiny_models.wait_until(lambda: _is_available(rest), timeout_seconds=60)
        assert rest.predict("tiny", {"x": [[1.0]]})["y"].item() == 2.5
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in stderr
    assert "Loaded tiny version 1 in" in stderr
    assert f"gRPC API at 0.0.0.0:{port}" in stderr
    assert f"REST API at 0.0.0.0:{rest_api_port}" in stderr
    assert "Unloaded tiny version 1" in stderr


def test_a_request_that_outlasts_the_grace_time_does_not_keep_the_process(playground_dir):
    port = tiny_models.free_port()
    flags = ["--model_name=tiny", f"--model_base_path={playground_dir.parent}", "--port=0", f"--rest_api_port={port}"]
    with (
        _process(*flags, "--shutdown_grace_seconds=0.2") as process,
        client.RestClient(f"http://127.0.0.1:{port}") as rest,
    ):
        tiny_models.wait_until(lambda: _is_available(rest), timeout_seconds=60)
        with pytest.raises(errors.DeadlineExceededError, match=r"gave no answer within 0\.5 s"):
            rest.predict("tiny", {"path": "/nowhere/at/all"}, "wait", timeout_seconds=0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_process_that_waits_for_a_version_stops_at_once(tmp_path):
    with _process(f"--model_base_path={tmp_path}", f"--port={tiny_models.free_port()}") as process:
        lines = iter(process.stderr.readline, "")
        assert any("Model default waits for a version" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            [],
            "ERROR: --model_base_path or --model_config_file is required: the folder that holds the version folders, "
            "such as 1, or a file that names several models.",
        ),
        (["--model_base_path=absent", "--port=70000"], "ERROR: --port must be between 0 and 65535, but is 70000."),
        (
            ["--model_base_path=absent", "more"],
            "ERROR: Unexpected argument 'more'; every option is a flag, --name=value.",
        ),
        (
            ["--model_base_path=absent"],
            "ERROR: --model_base_path=absent is no folder. Create it, or point the flag at the folder that holds the "
            "version folders, such as 1.",
        ),
    ],
)
def test_a_wrong_command_line_ends_with_one_sentence(flags, sentence):
    with _process(*flags) as process:
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.splitlines()[-1] == sentence
    assert "Traceback" not in stderr


def test_help_describes_the_server_and_its_flags():
    with _process("--help") as process:
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Serves a SavedModel over the TensorFlow Serving API" in stdout
    assert "\nBatching:\n  --enable_batching: " in stdout
    assert "--max_num_load_retries: Attempts to load a version after the first failed one. (default: '5')" in stdout


def test_the_version_is_told():
    with _process("--version") as process:
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.fullmatch(r"tfrs_model_server \d+\.\d+\.\d+, TensorFlow 2\.\d+\.\d+\n", stdout)
