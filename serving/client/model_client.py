"""What every client of a model server can do, whichever protocol it speaks."""

import abc
import contextlib
import time
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


class ModelClient(abc.ABC):
    """Asks a model server; also a context manager around `close`. Many threads may share one.

    A call names a model and, if it wants another than the newest available version, a `version` or a
    `version_label`, not both. `timeout_seconds` bounds the call as a whole, `None` takes the client's: what it has to
    look up first, every repetition and the waits between.

    All calls only read. Nothing is sent twice unless the client has `retries`. What goes wrong is raised as the
    `ServingError` of its status code, `UnavailableError` if there is no server at the address.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; calls under way end with `CancelledError`, later ones with a sentence."""
        self._is_closed = True
        self._disconnect()

    def status(
        self,
        model_name: str,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[model_info.ModelVersionStatus]:
        """Returns the state of one version, or of all versions that the server has seen, newest first.

        Raises:
          ServingError: `NotFoundError` if the server never saw the model or the version.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        return self._run(self._calls.status(model, timeout_seconds))

    def metadata(
        self,
        model_name: str,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> model_info.ModelMetadata:
        """Returns the signatures of a version, the newest available one by default.

        Raises:
          ServingError: `NotFoundError` if no such version is available.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        return self._run(self._calls.metadata(model, timeout_seconds))

    def predict(
        self,
        model_name: str,
        inputs: Mapping[str, np.ndarray | Sequence],
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs one signature of a model.

        The first call for a model reads its metadata too, to learn the types.

            predict("shop", {"candidate_id": ["c1", "c7"]}, signature_name="similar_candidates")["candidate_ids"]

        Args:
          model_name: name of the model.
          inputs: input name to array, or to a (nested) list, which takes the declared type.
          signature_name: `None` for `serving_default`.
          version: `None` for the newest available version.
          version_label: label of the version, instead of its number.
          timeout_seconds: longest time for the whole call; `None` for the client's.

        Returns:
          Output name to array; strings as object arrays of `bytes`.

        Raises:
          ServingError: see `serving.errors`; its message is the server's.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        return self._run(self._calls.predict(model, inputs, signature_name, timeout_seconds))

    def recommend(
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
        """Asks a recommender for the best candidates of each query.

            recommend("shop", ["u1", "u2"], k=5, filters={"genre": [["war"], ["war", "drama"]]})

        Args:
          model_name: name of the model.
          query_ids: `[num_queries]`; ids the model never saw are answered too.
          histories: per query the candidate ids it chose so far, oldest first; `None` for none.
          features: feature name to one value, or one list of strings, per query; weights are one list of numbers
            per query under `<name>_weights`, moments microseconds since 1970 UTC. Where the export has precomputed
            queries, `use_precomputed` says per query whether a known id may be answered from them.
          k: how many candidates, one number for all queries or one for each; `None` for as many as the export says.
          exclude_candidate_ids: per query the ids that it is not answered with; `None` for none.
          allow_candidate_ids: per query the only ids that it may be answered with, an empty list for all; `None`
            for all.
          filters: by column of the candidates that the export filters by, per query the values of which a
            candidate must have one, an empty list for all.
          signature_name: `None` for `serving_default`.
          version: `None` for the newest available version.
          version_label: label of the version, instead of its number.
          timeout_seconds: longest time for the whole call; `None` for the client's.

        Returns:
          Per query its candidates, best first, as many as were asked for or fewer where there are no more.

        Raises:
          ServingError: see `predict`; `FailedPreconditionError` if the model is no recommender,
            `InvalidArgumentError` if it does not take what was given.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        restrictions = (k, exclude_candidate_ids, allow_candidate_ids, filters)
        return self._run(
            self._calls.recommend(model, query_ids, histories, features, *restrictions, signature_name, timeout_seconds)
        )

    def classify(
        self,
        model_name: str,
        examples: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> list[list[scored_class.ScoredClass]]:
        """Asks a signature of the method `tensorflow/serving/classify` for the classes of examples.

            classify("half_plus_two", [{"x": 1.0}], signature_name="classify_x_to_y")[0][0].score  # 2.5

        Args:
          model_name: name of the model.
          examples: per example, feature name to one value or to a list: integers, floats, texts or bytes.
          context: features that all examples share; `None` for none.
          signature_name: `None` for `serving_default`.
          version: `None` for the newest available version.
          version_label: label of the version, instead of its number.
          timeout_seconds: longest time for the whole call; `None` for the client's.

        Returns:
          Per example its classes, in the order of the model.

        Raises:
          ServingError: see `predict`.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        return self._run(self._calls.classify(model, examples, context, signature_name, timeout_seconds))

    def regress(
        self,
        model_name: str,
        examples: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        signature_name: str | None = None,
        version: int | None = None,
        version_label: str | None = None,
        timeout_seconds: float | None = None,
    ) -> np.ndarray:
        """Asks a signature of the method `tensorflow/serving/regress` for a number for each example.

            regress("half_plus_two", [{"x": 1.0}, {"x": 2.0}], signature_name="regress_x_to_y")  # [2.5, 3.]

        The arguments are those of `classify`.

        Returns:
          `[num_examples]` float32.

        Raises:
          ServingError: see `predict`.
        """
        model = model_spec.ModelSpec(model_name, version, version_label)
        return self._run(self._calls.regress(model, examples, context, signature_name, timeout_seconds))

    @abc.abstractmethod
    def _send(self, request: model_request.ModelRequest, by: deadline.Deadline) -> Any:
        """Sends one request and returns what its answer holds, or raises the `ServingError` that came instead."""

    @abc.abstractmethod
    def _disconnect(self) -> None:
        """Closes the connections."""

    def _run(self, steps: exchange.Steps) -> Any:
        with contextlib.closing(steps):
            try:
                step = next(steps)
                while True:
                    try:
                        outcome = self._perform(step)
                    except errors.ServingError as error:
                        step = steps.throw(error)
                    else:
                        step = steps.send(outcome)
            except StopIteration as stop:
                return stop.value

    def _perform(self, step: exchange.Send | exchange.Wait) -> Any:
        if isinstance(step, exchange.Wait):
            return time.sleep(step.seconds)
        if self._is_closed:
            raise errors.FailedPreconditionError("This client is closed; make another one.")
        return self._send(step.request, step.by)
