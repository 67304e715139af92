"""What each call asks and makes of the answers, as generators without input and output.

`ModelClient` and `AsyncModelClient` run the steps that these generators yield, see `exchange`.
Arguments are those of `ModelClient`, which describes them.
"""

import random
from collections.abc import Mapping, Sequence

import numpy as np

from serving import errors
from serving.client import (
    deadline,
    example_features,
    exchange,
    input_arrays,
    model_info,
    model_request,
    model_spec,
    recommendation,
    retries,
)

_DEFAULT_SIGNATURE_NAME = "serving_default"
_ONCE = retries.Retries(attempts=1)


class Calls:
    """The calls of one client; remembers the signatures that it has read. Many may run at once."""

    def __init__(self, timeout_seconds: float, retries: retries.Retries | None):
        """Starts with no signatures.

        Args:
          timeout_seconds: how long a call may take that does not say.
          retries: how often a request is sent; `None` for once.
        """
        self._timeout_seconds = deadline.checked_timeout(timeout_seconds)
        self._retries = retries or _ONCE
        self._generator = random.Random(self._retries.seed)
        self._metadata: dict[model_spec.ModelSpec, model_info.ModelMetadata] = {}

    def status(self, model: model_spec.ModelSpec, timeout_seconds: float | None) -> exchange.Steps:
        """Returns the `ModelVersionStatus` of one version, or of all."""
        return (yield from self._exchange(timeout_seconds).ask(model_request.StatusRequest(model)))

    def metadata(self, model: model_spec.ModelSpec, timeout_seconds: float | None) -> exchange.Steps:
        """Returns the `ModelMetadata` of a version."""
        return (yield from self._exchange(timeout_seconds).ask(model_request.MetadataRequest(model)))

    def predict(
        self,
        model: model_spec.ModelSpec,
        inputs: Mapping[str, np.ndarray | Sequence],
        signature_name: str | None,
        timeout_seconds: float | None,
    ) -> exchange.Steps:
        """Returns the outputs of a signature, name to array."""
        asking = self._exchange(timeout_seconds)
        name = signature_name or _DEFAULT_SIGNATURE_NAME
        signature = yield from self._signature(asking, model, name)
        return (yield from self._predict(asking, model, name, signature, inputs))

    def recommend(
        self,
        model: model_spec.ModelSpec,
        query_ids: Sequence[str],
        histories: Sequence[Sequence[str]] | None,
        features: Mapping[str, Sequence] | None,
        k: int | Sequence[int] | None,
        exclude_candidate_ids: Sequence[Sequence[str]] | None,
        allow_candidate_ids: Sequence[Sequence[str]] | None,
        filters: Mapping[str, Sequence[Sequence[str]]] | None,
        signature_name: str | None,
        timeout_seconds: float | None,
    ) -> exchange.Steps:
        """Returns per query its `Recommendation`s."""
        asking = self._exchange(timeout_seconds)
        name = signature_name or _DEFAULT_SIGNATURE_NAME
        signature = yield from self._signature(asking, model, name)
        inputs = recommendation.query_inputs(query_ids, histories, features or {}, signature.inputs)
        inputs |= recommendation.restricting_inputs(
            len(query_ids), k, exclude_candidate_ids, allow_candidate_ids, filters, signature.inputs
        )
        outputs = yield from self._predict(asking, model, name, signature, inputs)
        return recommendation.to_recommendations(outputs)

    def classify(
        self,
        model: model_spec.ModelSpec,
        examples: Sequence[Mapping],
        context: Mapping | None,
        signature_name: str | None,
        timeout_seconds: float | None,
    ) -> exchange.Steps:
        """Returns per example its `ScoredClass`es."""
        return self._infer(model_request.ClassifyRequest, model, examples, context, signature_name, timeout_seconds)

    def regress(
        self,
        model: model_spec.ModelSpec,
        examples: Sequence[Mapping],
        context: Mapping | None,
        signature_name: str | None,
        timeout_seconds: float | None,
    ) -> exchange.Steps:
        """Returns an array of one number for each example."""
        return self._infer(model_request.RegressRequest, model, examples, context, signature_name, timeout_seconds)

    def _exchange(self, timeout_seconds: float | None) -> exchange.Exchange:
        seconds = self._timeout_seconds if timeout_seconds is None else timeout_seconds
        return exchange.Exchange(deadline.Deadline(seconds), self._retries, self._generator)

    def _infer(
        self,
        request_class: type[model_request.ClassifyRequest | model_request.RegressRequest],
        model: model_spec.ModelSpec,
        examples: Sequence[Mapping],
        context: Mapping | None,
        signature_name: str | None,
        timeout_seconds: float | None,
    ) -> exchange.Steps:
        asking = self._exchange(timeout_seconds)
        shared = None if context is None else example_features.to_one(context)
        features = example_features.to_features(examples)
        request = request_class(model, signature_name or _DEFAULT_SIGNATURE_NAME, features, shared)
        return (yield from asking.ask(request))

    def _predict(
        self,
        asking: exchange.Exchange,
        model: model_spec.ModelSpec,
        signature_name: str,
        signature: model_info.Signature,
        inputs: Mapping[str, np.ndarray | Sequence],
    ) -> exchange.Steps:
        arrays = input_arrays.to_arrays(inputs, signature)
        try:
            return (yield from asking.ask(model_request.PredictRequest(model, signature_name, arrays, signature)))
        except errors.ServingError:
            # The next version of a model may declare other types; ask again before the next call.
            self._metadata.pop(model, None)
            raise

    def _signature(self, asking: exchange.Exchange, model: model_spec.ModelSpec, signature_name: str) -> exchange.Steps:
        metadata = self._metadata.get(model)
        if metadata is None or signature_name not in metadata.signatures:
            metadata = self._metadata[model] = yield from asking.ask(model_request.MetadataRequest(model))
        if signature_name not in metadata.signatures:
            raise errors.FailedPreconditionError(
                f'Serving signature key "{signature_name}" not found. Version {metadata.version} of model '
                f"{model.name} has {sorted(metadata.signatures)}."
            )
        return metadata.signatures[signature_name]
