"""Disks that are full, cut off, unreadable or gone: what is loaded goes on serving, and what comes back is found."""

import pathlib
import shutil

import pytest

from serving import client
from tests.serving import tiny_models
from tests.serving.server import server_process

pytestmark = [pytest.mark.drill, pytest.mark.timeout(300)]


@pytest.fixture
def base_path(tmp_path, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    return tmp_path / "tiny"


@pytest.fixture
def asking():
    """Returns a function that makes a client of a server; all are closed at the end."""
    made = []

    def connect(server):
        made.append(client.RestClient(f"http://127.0.0.1:{server.rest_api_port}"))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def _answer(asked):
    return asked.predict("tiny", {"x": [[0.0]]})["y"].item()


def _status(asked, version):
    return next((status for status in asked.status("tiny") if status.version == version), None)


def _wait_for(asked, version, state):
    tiny_models.wait_until(lambda: (status := _status(asked, version)) is not None and status.state == state)


def test_a_server_whose_log_is_on_a_full_disk_serves_and_loads(base_path, half_plus_three_dir, asking):
    # Every write to it fails with ENOSPC.
    with server_process.running(base_path, pathlib.Path("/dev/full")) as server:
        asked = asking(server)
        assert _answer(asked) == 2.0
        tiny_models.publish(half_plus_three_dir, base_path, 3)
        _wait_for(asked, 3, "AVAILABLE")
        assert _answer(asked) == 3.0
        assert server.stop()[0] == 0


@pytest.mark.parametrize("fault", ["cut off", "unreadable", "file", "broken link"])
def test_a_version_that_the_disk_does_not_give_replaces_nothing(
    base_path, half_plus_three_dir, tmp_path, asking, fault
):
    flags = ["--max_num_load_retries=1", "--load_retry_interval_micros=100000"]
    with server_process.running(base_path, tmp_path / "log", *flags) as server:
        asked = asking(server)
        is_listed = _spoil(base_path, half_plus_three_dir, fault)
        if is_listed:
            _wait_for(asked, 5, "END")
            assert _status(asked, 5).error_message
        # The one beside it is found all the same; as it is older it serves only where nobody wants the spoilt one.
        tiny_models.publish(half_plus_three_dir, base_path, 7)
        _wait_for(asked, 7, "AVAILABLE")
        assert _answer(asked) == 3.0
        assert "Traceback" not in (tmp_path / "log").read_text(errors="replace")


def _spoil(base_path, source, fault):
    """Puts version 5 there with a fault; returns whether it counts as a version."""
    place = base_path / "5"
    if fault == "cut off":
        # As a copy ends when the disk is full.
        published = tiny_models.publish(source, base_path, ".unfinished")
        data = next((published / "variables").glob("*.data-*"))
        data.write_bytes(data.read_bytes()[:3])
        published.rename(place)
    elif fault == "unreadable":
        # The system refuses to follow it, also for root, whom no permission stops.
        place.symlink_to("x" * 300)
    elif fault == "file":
        place.write_text("no folder")
    else:
        place.symlink_to(base_path / "absent")
    return fault in ("cut off", "unreadable")


def test_a_base_path_that_goes_away_and_comes_back(base_path, half_plus_three_dir, tmp_path, asking):
    log = tmp_path / "log"
    with server_process.running(base_path, log) as server:
        asked = asking(server)
        shutil.rmtree(base_path)
        tiny_models.wait_until(
            lambda: f"Model tiny keeps serving version 1: cannot list {base_path}" in log.read_text(errors="replace")
        )
        for _ in range(20):
            assert _answer(asked) == 2.0
        assert _status(asked, 1).state == "AVAILABLE"
        tiny_models.publish(half_plus_three_dir, base_path, 3)
        _wait_for(asked, 3, "AVAILABLE")
        assert _answer(asked) == 3.0
        assert "Traceback" not in log.read_text(errors="replace")
