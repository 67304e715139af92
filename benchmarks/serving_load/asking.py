"""Asks a server as fast as it answers, or at a steady rate, in a process of its own; prints one JSON line.

    python -m benchmarks.serving_load.asking grpc|rest PORT REQUESTS_FILE NUM_CLIENTS SECONDS [RATE]

REQUESTS_FILE is a pickled list of requests, which are sent one after the other: bytes of a PredictRequest, or path and
body. Without a rate each client asks again once it was answered; with one, requests leave at even intervals whatever
becomes of those before.
"""

import http.client
import itertools
import json
import pathlib
import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence

import grpc

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_NUM_NOT_COUNTED = 5


def grpc_caller(port: int) -> Callable[[bytes], object]:
    """Returns what sends a request over a connection of its own and waits for the answer."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    return channel.unary_unary(_METHOD)


def rest_caller(port: int) -> Callable[[tuple[str, bytes]], object]:
    """Returns the same for HTTP; anything but 200 is an error."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def call(request: tuple[str, bytes]) -> bytes:
        connection.request("POST", request[0], request[1])
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise ValueError(f"{response.status} {answer[:300]!r}")
        return answer

    return call


def closed_loop(make_caller: Callable[[], Callable], requests: Sequence, num_clients: int, seconds: float) -> dict:
    """Returns how many requests a second so many clients get answered, each asking again at once."""
    latencies: list[list[float]] = [[] for _ in range(num_clients)]
    failed: list[Exception] = []
    end: list[float] = []
    ready = threading.Barrier(num_clients, action=lambda: end.append(time.perf_counter() + seconds))

    def ask(client: int) -> None:
        try:
            ask_until_the_end(client)
        except Exception as error:
            failed.append(error)
            ready.abort()

    def ask_until_the_end(client: int) -> None:
        call, mine = make_caller(), itertools.cycle(requests[client:] + requests[:client])
        for _ in range(_NUM_NOT_COUNTED):
            call(next(mine))
        ready.wait()
        while (started := time.perf_counter()) < end[0]:
            call(next(mine))
            latencies[client].append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask, args=[client]) for client in range(num_clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return _summary([each for mine in latencies for each in mine], time.perf_counter() - end[0] + seconds)


def open_loop(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> dict:
    """Returns the latencies of gRPC requests that leave at a steady rate; what waits for its turn counts as late."""
    call = grpc_caller(port)
    for request in requests[:_NUM_NOT_COUNTED]:
        call(request)
    latencies: list[float] = []
    failed: list[str] = []
    open_calls = threading.Semaphore(0)
    num_requests = round(rate * seconds)
    begin = time.perf_counter()
    for number in range(num_requests):
        due = begin + number / rate
        if (early := due - time.perf_counter()) > 0:
            time.sleep(early)

        def note(answer: grpc.Future, due: float = due) -> None:
            latencies.append(time.perf_counter() - due)
            if answer.code() is not grpc.StatusCode.OK:
                failed.append(answer.code().name)
            open_calls.release()

        call.future(requests[number % len(requests)]).add_done_callback(note)
    for _ in range(num_requests):
        open_calls.acquire()
    return {**_summary(latencies, time.perf_counter() - begin), "failed": len(failed)}


def _summary(latencies: Sequence[float], seconds: float) -> dict:
    ordered = sorted(latencies)
    return {
        "requests_per_second": len(ordered) / seconds,
        "p50_milliseconds": 1e3 * ordered[len(ordered) // 2],
        "p99_milliseconds": 1e3 * ordered[int(len(ordered) * 0.99)],
    }


def main(protocol: str, port: int, requests_file: str, num_clients: int, seconds: float, rate: float | None) -> None:
    """Asks, and prints what came of it."""
    requests = pickle.loads(pathlib.Path(requests_file).read_bytes())
    if rate is not None:
        result = open_loop(port, requests, rate, seconds)
    else:
        maker = grpc_caller if protocol == "grpc" else rest_caller
        result = closed_loop(lambda: maker(port), requests, num_clients, seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        *(arguments[0], int(arguments[1]), arguments[2], int(arguments[3]), float(arguments[4])),
        float(arguments[5]) if len(arguments) > 5 else None,
    )
