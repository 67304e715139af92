import subprocess

import pytest

from benchmarks import own_process


def test_the_answer_of_the_process_comes_with_its_seconds(tmp_path):
    path = tmp_path / "answer.json"
    path.write_text('{"rows": 3}')
    measured = own_process.measure("json.tool", "--compact", path)
    assert measured["rows"] == 3
    assert measured["process_seconds"] > 0


def test_a_process_that_fails_is_an_error(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        own_process.measure("json.tool", tmp_path / "nothing.json")


def test_the_peak_is_that_of_this_process():
    before = own_process.peak_bytes()
    block = bytearray(b"x" * 300_000_000)
    assert own_process.peak_bytes() >= len(block)
    assert own_process.peak_bytes() >= before > 0


def test_the_peak_of_a_child_is_found_by_its_program():
    assert own_process.peak_bytes_of_child("sleep") is None
    child = subprocess.Popen(["sleep", "60"])
    try:
        while not (peak := own_process.peak_bytes_of_child("sleep")):
            pass
        assert 0 < peak < 50_000_000
    finally:
        child.kill()
        child.wait()
