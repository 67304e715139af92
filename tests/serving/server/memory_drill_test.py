"""Memory over 200,000 requests and 50 swaps of versions: bytes for each, by least squares."""

import json

import numpy as np
import pytest

from benchmarks.serving_load import servers
from serving import client
from tests.conformance import requests
from tests.serving import tiny_models
from tests.serving.server import server_process

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]

_NUM_REQUESTS = 200_000
_NUM_REQUESTS_TO_WARM_UP = 40_000
_NUM_SWAPS, _NUM_SWAPS_TO_WARM_UP = 50, 15
_ROUND_SECONDS = 5.0
# The smallest thing that could be kept of a request, an empty dict, has 64 bytes.
_MOST_BYTES_PER_REQUEST = 48
# A version of this model has a graph of 20 kB; its session, its Python graph and their functions are ten times that.
_MOST_BYTES_PER_SWAP = 50_000


@pytest.fixture
def server(half_plus_two_dir, tmp_path):
    tiny_models.publish(half_plus_two_dir, tmp_path / "tiny", 1)
    with server_process.running(tmp_path / "tiny", tmp_path / "log") as started:
        yield started


def _slope(xs, ys):
    """Returns how much y grows with x, by least squares."""
    return float(np.polyfit(np.array(xs, float), np.array(ys, float), 1)[0])


def _askers(folder):
    message = requests.predict(requests.spec("tiny"), {"x": [[1.0]]}).SerializeToString()
    body = json.dumps({"instances": [[1.0]]}).encode()
    return {
        "grpc": servers.Asker("grpc", [message], folder),
        "rest": servers.Asker("rest", [("/v1/models/tiny:predict", body)], folder),
    }


def test_requests_leave_nothing_in_memory(server, tmp_path, record_property):
    askers, ports = _askers(tmp_path), {"grpc": server.port, "rest": server.rest_api_port}
    sent = dict.fromkeys(askers, 0)
    samples = []
    while (total := sum(sent.values())) < _NUM_REQUESTS_TO_WARM_UP + _NUM_REQUESTS:
        protocol = min(sent, key=sent.get)
        measured = askers[protocol].ask(ports[protocol], 4, _ROUND_SECONDS)
        sent[protocol] += round(measured["requests_per_second"] * _ROUND_SECONDS)
        samples.append((sum(sent.values()), server.resident_bytes))
        print(f"{protocol}: {total} requests, {samples[-1][1] / 1e6:.1f} MB")
    kept = [sample for sample in samples if sample[0] > _NUM_REQUESTS_TO_WARM_UP]
    slope = _slope(*zip(*kept, strict=True))
    record_property("bytes_per_request", slope)
    print(f"{sent}: {slope:.1f} bytes per request")
    assert min(sent.values()) > _NUM_REQUESTS // 3
    assert slope < _MOST_BYTES_PER_REQUEST


def test_versions_that_are_swapped_leave_little_in_memory(
    server, tmp_path, half_plus_two_dir, half_plus_three_dir, record_property
):
    samples = []
    with client.RestClient(f"http://127.0.0.1:{server.rest_api_port}") as asked:
        for version in range(2, _NUM_SWAPS_TO_WARM_UP + _NUM_SWAPS + 2):
            tiny_models.publish((half_plus_two_dir, half_plus_three_dir)[version % 2], tmp_path / "tiny", version)
            _wait_until_swapped(asked, version)
            assert asked.predict("tiny", {"x": [[0.0]]})["y"].item() == 2 + version % 2
            samples.append((version, server.resident_bytes))
    slope = _slope(*zip(*samples[_NUM_SWAPS_TO_WARM_UP:], strict=True))
    record_property("bytes_per_swap", slope)
    print(f"{slope:.0f} bytes per swap; {samples[0][1] / 1e6:.1f}, {samples[-1][1] / 1e6:.1f} MB")
    assert slope < _MOST_BYTES_PER_SWAP


def _wait_until_swapped(asked, version):
    def is_swapped():
        states = {status.version: status.state for status in asked.status("tiny")}
        return states.get(version) == "AVAILABLE" and states[version - 1] == "END"

    tiny_models.wait_until(is_swapped)
