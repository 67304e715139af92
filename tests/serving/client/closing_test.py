"""A client that is closed says so, before, during and after a call."""

import asyncio
import threading

import httpcore
import pytest

from serving import client, errors
from tests.serving.client import faulty_server, four_clients


@pytest.mark.parametrize("kind", four_clients.KINDS)
@pytest.mark.parametrize("is_used", [True, False])
def test_a_closed_client_answers_with_a_sentence(kind, is_used, playground):
    with four_clients.connected(kind, playground) as asked:
        if is_used:
            asked.predict("tiny", {"x": [[1.0]]})
        asked.close()
        asked.close()
        for ask in (lambda: asked.status("tiny"), lambda: asked.predict("tiny", {"x": [[1.0]]})):
            with pytest.raises(errors.FailedPreconditionError, match=r"^This client is closed; make another one.$"):
                ask()


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_closing_ends_a_call_of_another_thread(kind):
    is_asked, raised = threading.Event(), []

    async def keep_silent(reader, writer):
        is_asked.set()
        await faulty_server.keep_silent(reader, writer)

    def ask():
        with pytest.raises(errors.CancelledError) as refusal:
            asked.status("tiny", timeout_seconds=60.0)
        raised.append(str(refusal.value))

    with faulty_server.FaultyServer(keep_silent) as server, four_clients.make(kind, server.address) as asked:
        thread = threading.Thread(target=ask)
        thread.start()
        is_asked.wait()
        asked.close()
        thread.join(30)
    assert raised == ["The client was closed before there was an answer."]


def test_closing_ends_a_call_whose_connection_was_only_just_opened(playground, monkeypatch):
    connect = httpcore.SyncBackend.connect_tcp

    def connected_and_closed(backend, *arguments):
        stream = connect(backend, *arguments)
        asked.close()
        return stream

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connected_and_closed)
    with (
        four_clients.connected("rest", playground) as asked,
        pytest.raises(errors.CancelledError, match=r"^The client was closed before there was an answer.$"),
    ):
        asked.status("tiny")


def _async_client(kind, address):
    return client.AsyncGrpcClient(address) if kind == "async grpc" else client.AsyncRestClient(f"http://{address}")


@pytest.mark.parametrize("kind", ["async rest", "async grpc"])
def test_closing_ends_a_call_of_another_task(kind):
    async def close_while_asking(address):
        asked = _async_client(kind, address)
        call = asyncio.create_task(asked.status("tiny", timeout_seconds=60.0))
        await asyncio.sleep(0.1)
        await asked.close()
        # It is not the task that was cancelled.
        with pytest.raises(errors.CancelledError, match=r"^The client was closed before there was an answer.$"):
            await asyncio.wait_for(call, 30)

    with faulty_server.FaultyServer(faulty_server.keep_silent) as server:
        asyncio.run(close_while_asking(server.address))


@pytest.mark.parametrize("kind", ["async rest", "async grpc"])
def test_a_task_that_is_cancelled_takes_its_call_back_and_the_client_goes_on(kind, playground, tmp_path):
    async def cancel_and_ask(address):
        async with _async_client(kind, address) as asked:
            waiting = asked.predict("tiny", {"path": str(tmp_path / "open")}, "wait", timeout_seconds=60.0)
            call = asyncio.create_task(waiting)
            await asyncio.sleep(0.1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            (tmp_path / "open").touch()
            return (await asked.predict("tiny", {"x": [[1.0]]}))["y"].item()

    assert asyncio.run(cancel_and_ask(f"127.0.0.1:{four_clients.port_of(kind, playground)}")) == 2.5
