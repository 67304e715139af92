"""Twice the load that a server can bear, for half a minute: surplus is refused, the rest answered, nothing piles up."""

import asyncio
import collections
import contextlib
import json
import statistics
import threading
import time

import aiohttp
import grpc
import httpx
import numpy as np
import psutil
import pytest

from benchmarks.serving_load import servers
from tests.conformance import requests
from tests.serving import recording_model
from tests.serving.server import server_process

pytestmark = [pytest.mark.drill, pytest.mark.alone, pytest.mark.timeout(300)]

_PATH = "/v1/models/tiny:predict"
_METHOD = "/tensorflow.serving.PredictionService/Predict"
# Each takes some milliseconds, so that sending them is not what keeps the machine busy.
_NUM_STEPS = 1500
_MESSAGE = requests.predict(
    requests.spec("tiny", "compute"), {"num_steps": np.array(_NUM_STEPS, np.int32)}
).SerializeToString()
_BODY = json.dumps({"signature_name": "compute", "inputs": _NUM_STEPS}).encode()
_MAX_QUEUED = 40
_SECONDS = 30.0
# Forty of each API that wait, of half a kilobyte, could not take one megabyte; buffers and threads are what grows.
_MOST_BYTES = 100e6


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("overloaded")
    recording_model.export(folder / "base" / "1")
    flags = [f"--max_queued_requests={_MAX_QUEUED}", "--tensorflow_intra_op_parallelism=1"]
    with server_process.running(folder / "base", folder / "log", *flags) as started:
        yield started


def _sustainable_rates(server, folder):
    """Returns how many requests a second get answered over each API when four clients ask again at once."""
    asked = {"grpc": (server.port, _MESSAGE), "rest": (server.rest_api_port, (_PATH, _BODY))}
    return {
        protocol: servers.Asker(protocol, [request], folder).ask(port, 4, 4.0)["requests_per_second"]
        for protocol, (port, request) in asked.items()
    }


class _Load:
    """What became of requests that were sent at even intervals, whatever became of those before."""

    def __init__(self, rate):
        self.rate = rate
        self.outcomes = collections.Counter()
        self.seconds = []
        self.num_sent = 0

    def note(self, outcome, due):
        self.outcomes[outcome] += 1
        self.seconds.append(time.monotonic() - due)

    def moments(self):
        begin = time.monotonic()
        for number in range(round(self.rate * _SECONDS)):
            self.num_sent += 1
            yield begin + number / self.rate


def _load_grpc(server, load):
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options) as channel:
        call, calls = channel.unary_unary(_METHOD), []
        for due in load.moments():
            time.sleep(max(0.0, due - time.monotonic()))
            calls.append(call.future(_MESSAGE, timeout=60))
            calls[-1].add_done_callback(lambda done, due=due: load.note(done.code().name, due))
        for each in calls:
            with contextlib.suppress(grpc.RpcError):
                each.result()


async def _load_rest(server, load):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(due):
            url = f"http://127.0.0.1:{server.rest_api_port}{_PATH}"
            async with session.post(url, data=_BODY, timeout=aiohttp.ClientTimeout(60)) as response:
                await response.read()
                load.note(response.status, due)

        tasks = []
        for due in load.moments():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.append(asyncio.create_task(ask(due)))
        await asyncio.gather(*tasks)


class _Sampler(threading.Thread):
    """Keeps the memory of a process, looked at again and again."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.samples, self.stopped = [server.resident_bytes], threading.Event()
        self._process = psutil.Process(server.process.pid)

    def run(self):
        while not self.stopped.wait(0.2):
            self.samples.append(self._process.memory_info().rss)


def _seconds_of_one(server):
    """Returns how long a request takes; infinity if it is refused."""
    started = time.monotonic()
    answer = httpx.post(f"http://127.0.0.1:{server.rest_api_port}{_PATH}", content=_BODY, trust_env=False, timeout=60)
    return time.monotonic() - started if answer.status_code == 200 else float("inf")


def _seconds_until_normal(server, normal):
    """Returns how long after the load a request is answered as quickly as before; refused ones count as not yet."""
    ended = time.monotonic()
    while time.monotonic() < ended + 30.0:
        if _seconds_of_one(server) <= 3 * normal:
            return time.monotonic() - ended
    return float("inf")


def test_twice_the_sustainable_load_is_shed_without_harm(server, tmp_path, record_property):
    rates = _sustainable_rates(server, tmp_path)
    normal = statistics.median(_seconds_of_one(server) for _ in range(20))
    sampler = _Sampler(server)
    # Both APIs share the processors, so that each with its own sustainable rate makes twice what the server bears.
    loads = {protocol: _Load(rate) for protocol, rate in rates.items()}
    threads = [
        threading.Thread(target=_load_grpc, args=[server, loads["grpc"]]),
        threading.Thread(target=lambda: asyncio.run(_load_rest(server, loads["rest"]))),
    ]
    for thread in (sampler, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    seconds_until_normal = _seconds_until_normal(server, normal)
    sampler.stopped.set()
    grown = max(sampler.samples) - sampler.samples[0]
    for protocol, load in loads.items():
        longest = max(load.seconds)
        print(f"{protocol}: {load.rate:.0f}/s sent, {dict(load.outcomes)}, longest {longest:.2f} s")
        record_property(f"{protocol}_outcomes", dict(load.outcomes))
    print(
        f"memory grew by {grown / 1e6:.1f} MB; normal again after {seconds_until_normal:.2f} s ({normal * 1e3:.1f} ms)"
    )
    record_property("grown_megabytes", grown / 1e6)
    record_property("seconds_until_normal", seconds_until_normal)
    assert set(loads["grpc"].outcomes) == {"OK", "RESOURCE_EXHAUSTED"}
    assert set(loads["rest"].outcomes) == {200, 429}
    for load in loads.values():
        assert sum(load.outcomes.values()) == load.num_sent
        # Forty wait, and the slowest machine answers ten a second.
        assert max(load.seconds) < 10.0
    num_answered = loads["grpc"].outcomes["OK"] + loads["rest"].outcomes[200]
    # Refusing is cheap: at least half of what the server bears is still answered.
    assert num_answered > 0.5 * _SECONDS * statistics.mean(rates.values())
    assert grown < _MOST_BYTES
    assert seconds_until_normal < 2.0
