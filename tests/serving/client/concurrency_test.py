"""One client asked by many threads, or many tasks, at once."""

import asyncio
import concurrent.futures

import pytest

from serving import client, errors
from tests.serving.client import four_clients


def _answers(predict, number):
    return [predict("tiny", {"x": [[float(number + step)]]})["y"].item() for step in range(20)]


@pytest.mark.parametrize("kind", ["rest", "grpc"])
def test_each_thread_gets_its_own_answers(kind, playground):
    with (
        four_clients.connected(kind, playground) as asked,
        concurrent.futures.ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(lambda number: _answers(asked.predict, 100 * number), range(8)))
    # x * .5 + 2
    assert answers == [[(100 * number + step) * 0.5 + 2 for step in range(20)] for number in range(8)]


def _async_client(kind, playground):
    if kind == "async grpc":
        return client.AsyncGrpcClient(f"127.0.0.1:{playground.port}")
    return client.AsyncRestClient(f"http://127.0.0.1:{playground.rest_api_port}")


@pytest.mark.parametrize("kind", ["async rest", "async grpc"])
def test_each_task_gets_its_own_answer(kind, playground):
    async def ask_at_once():
        async with _async_client(kind, playground) as asked:
            calls = [asked.predict("tiny", {"x": [[float(number)]]}) for number in range(50)]
            return [outputs["y"].item() for outputs in await asyncio.gather(*calls)]

    assert asyncio.run(ask_at_once()) == [number * 0.5 + 2 for number in range(50)]


@pytest.mark.parametrize("kind", ["async rest", "async grpc"])
def test_a_client_of_another_event_loop_is_refused(kind, playground):
    made = _async_client(kind, playground)

    async def ask():
        await made.status("tiny")

    with asyncio.Runner() as runner:
        runner.run(ask())
        with pytest.raises(
            errors.FailedPreconditionError, match=r"^This client belongs to the event loop of its first"
        ):
            asyncio.run(ask())
        runner.run(made.close())


def test_a_client_may_be_made_before_any_loop_runs(playground):
    made = [_async_client(kind, playground) for kind in ("async rest", "async grpc")]

    async def ask():
        for asked in made:
            async with asked:
                assert [status.version for status in await asked.status("tiny")] == [7]

    asyncio.run(ask())
