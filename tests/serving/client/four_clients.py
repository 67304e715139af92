"""The four clients, asked alike: an async one runs its calls on an event loop of its own."""

import asyncio

from serving import client

KINDS = ("rest", "grpc", "async rest", "async grpc")
CLASSES = {
    "rest": client.RestClient,
    "grpc": client.GrpcClient,
    "async rest": client.AsyncRestClient,
    "async grpc": client.AsyncGrpcClient,
}


def is_rest(kind: str) -> bool:
    return kind.endswith("rest")


class Blocking:
    """An async client that is asked as if it were a sync one."""

    def __init__(self, made: client.AsyncModelClient):
        self._loop = asyncio.new_event_loop()
        self._made = made

    def __enter__(self):
        self._loop.run_until_complete(self._made.__aenter__())
        return self

    def __exit__(self, *exc_info):
        self._loop.run_until_complete(self._made.__aexit__(*exc_info))
        self._loop.close()

    def __getattr__(self, name):
        method = getattr(self._made, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(method(*args, **kwargs))


def make(kind: str, address: str, **options):
    """Returns a client of `host:port`, or of a REST url or a Unix socket that is written out."""
    address = f"http://{address}" if is_rest(kind) and "://" not in address else address
    made = CLASSES[kind](address, **options)
    return Blocking(made) if kind.startswith("async") else made


def port_of(kind: str, server) -> int:
    return server.rest_api_port if is_rest(kind) else server.port


def connected(kind: str, server, **options):
    """Returns a client of a running server."""
    return make(kind, f"127.0.0.1:{port_of(kind, server)}", **options)
