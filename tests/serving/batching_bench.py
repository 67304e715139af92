"""A batcher with one thread, over a model and a clock that a test moves by hand."""

import concurrent.futures
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from serving.server import batch_scheduler, batch_statistics, batcher, batching_parameters, servable
from tests.serving import gated_model, hand_clock, tiny_models

LONG_MICROS = 10**9


class BatchingBench:
    """What a test of the batcher needs; also a context manager that leaves nothing running.

    Attributes:
      model: lets its calls through as it is told.
      clock: stands at 1000 seconds.
    """

    def __init__(self, model: servable.Servable):
        self.model = gated_model.GatedModel(model)
        self.clock = hand_clock.HandClock(1000.0)
        self.scheduler = batch_scheduler.BatchScheduler(1, clock=self.clock)
        self.statistics = batch_statistics.BatchStatistics()
        self._pool = concurrent.futures.ThreadPoolExecutor(16)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.model.open()
        self._pool.shutdown()
        assert self.scheduler.stop(grace_seconds=60.0)

    def make(self, **parameters: Any) -> batcher.Batcher:
        return batcher.Batcher(
            self.model, self.scheduler, batching_parameters.BatchingParameters(**parameters), self.statistics
        )

    def make_busy(self, **parameters: Any) -> batcher.Batcher:
        """Returns a batcher whose thread runs `x` = [0] until the model lets it through."""
        made = self.make(**parameters)
        self._pool.submit(made.run, *halves(0.0)[0])
        tiny_models.wait_until(lambda: self.model.calls)
        return made

    def ask(self, made: batcher.Batcher, *requests: tuple[Sequence, dict]) -> list[concurrent.futures.Future]:
        """Asks from threads of their own, and returns once all wait in a queue, in this order."""
        futures = []
        for arguments, limits in requests:
            before = self.scheduler.num_waiting
            futures.append(self._pool.submit(made.run, *arguments, **limits))
            tiny_models.wait_until(lambda before=before: self.scheduler.num_waiting > before)
        return futures


def halves(*values: float, **limits: Any) -> tuple[Sequence, dict]:
    """A request for x * 0.5 + 2."""
    return ("", {"x": np.array(values, np.float32)}), limits


def texts(signature_name: str, *values: bytes, **limits: Any) -> tuple[Sequence, dict]:
    return (signature_name, {"texts": np.array(values, object)}), limits


def products(a: Sequence[float], b: Sequence[int], output_filter: Sequence[str] = ()) -> tuple[Sequence, dict]:
    return ("two_inputs", {"a": np.array(a, np.float32), "b": np.array(b, np.int64)}, output_filter), {}


def answers(futures: Sequence[concurrent.futures.Future]) -> list[dict[str, list]]:
    return [{name: array.tolist() for name, array in future.result(60).items()} for future in futures]
