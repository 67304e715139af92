"""The calls of `ModelClient` as coroutines."""

import abc
import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from serving import errors
from serving.client import (
    calls,
    deadline,
    exchange,
    model_info,
    model_request,
    model_spec,
    recommendation,
    retries,
    scored_class,
)


class AsyncModelClient(abc.ABC):
    """Asks a model server; also an asynchronous context manager around `close`. Many tasks may share one.

    The calls, their arguments, answers and errors are those of `ModelClient`, which describes them. A client belongs
    to the event loop of its first call. A task that is cancelled takes its request back, and the client goes on.

    Args:
      timeout_seconds: how long a call may take that does not say.
      retries: how often a request is sent; `None` for once.
    """

    def __init__(
        self,
        timeout_seconds: float = deadline.DEFAULT_TIMEOUT_SECONDS,
        retries: retries.Retries | None = None,
    ):
        self._calls = calls.Calls(timeout_seconds, retries)
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; calls under way end with `CancelledError`, later ones with a sentence."""
        self._is_closed = True
        if self._loop is not None:
            self._require_own_loop()
            await self._disconnect()

    async def status(
        self,
        model_name: str,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[model_info.ModelVersionStatus]:
        """See `ModelClient.status`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        return await self._run(self._calls.status(model, timeout_seconds))

    async def metadata(
        self,
        model_name: str,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> model_info.ModelMetadata:
        """See `ModelClient.metadata`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        return await self._run(self._calls.metadata(model, timeout_seconds))

    async def predict(
        self,
        model_name: str,
        inputs: Mapping[str, np.ndarray | Sequence],
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """See `ModelClient.predict`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        return await self._run(self._calls.predict(model, inputs, signature_name, timeout_seconds))

    async def recommend(
        self,
        model_name: str,
        query_ids: Sequence[str],
        histories: Sequence[Sequence[str]] | None = None,
        features: Mapping[str, Sequence] | None = None,
        k: int | Sequence[int] | None = None,
        exclude_candidate_ids: Sequence[Sequence[str]] | None = None,
        allow_candidate_ids: Sequence[Sequence[str]] | None = None,
        filters: Mapping[str, Sequence[Sequence[str]]] | None = None,
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[list[recommendation.Recommendation]]:
        """See `ModelClient.recommend`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        restrictions = (k, exclude_candidate_ids, allow_candidate_ids, filters)
        return await self._run(
            self._calls.recommend(model, query_ids, histories, features, *restrictions, signature_name, timeout_seconds)
        )

    async def classify(
        self,
        model_name: str,
        examples: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[list[scored_class.ScoredClass]]:
        """See `ModelClient.classify`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        return await self._run(self._calls.classify(model, examples, context, signature_name, timeout_seconds))

    async def regress(
        self,
        model_name: str,
        examples: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> np.ndarray:
        """See `ModelClient.regress`."""
        model = model_spec.ModelSpec(model_name, version, version_label)
        return await self._run(self._calls.regress(model, examples, context, signature_name, timeout_seconds))

    @abc.abstractmethod
    async def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        """Sends one request and returns what its answer holds, or raises the `ServingError` that came instead."""

    @abc.abstractmethod
    async def _disconnect(self) -> None:
        """Closes the connections; runs in the client's own loop."""

    async def _run(self, steps: exchange.Steps) -> Any:
        with contextlib.closing(steps):
            try:
                step = next(steps)
                while True:
                    try:
                        outcome = await self._perform(step)
                    except errors.ServingError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(outcome)
            except StopIteration as stop:
                return stop.value

    async def _perform(self, step: exchange.Send | exchange.Wait) -> Any:
        if isinstance(step, exchange.Wait):
            return await asyncio.sleep(step.seconds)
        if self._is_closed:
            raise errors.FailedPreconditionError("This client is closed; make another one.")
        self._require_own_loop()
        return await self._send(step.request, step.by)

    def _require_own_loop(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise errors.FailedPreconditionError(
                "This client belongs to the event loop of its first call, which is not the one that runs now; make "
                "a client in each loop."
            )
