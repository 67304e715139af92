"""A version in the hands of one request: run within its deadline, with as many rows as may be, its time counted."""

import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
from google.protobuf import message
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import prediction_log_pb2

from serving import errors
from serving.server import batcher, metrics, servable
from serving.server import cancellation as cancellation_lib


class LentVersion:
    """Runs a version on the terms of one request; a context manager, at whose end the version is given back.

    Args:
      loaded: the version.
      api: `Predict`, `Classify`, `Regress` or `MultiInference`.
      deadline: of the request, on the monotonic clock; `None` for none.
      cancellation: tells when nobody waits for the answer any more; `None` if nobody can say.
      max_rows: most rows of an input; 0 for any.
      counted_by: learns how long each run took, and of how many examples.
      sampled: draws whether the request is logged, see `RequestLog.sampled`.
      give_back: called once the request is answered.
    """

    def __init__(
        self,
        loaded: servable.Servable | batcher.Batcher,
        api: str,
        deadline: float | None,
        cancellation: cancellation_lib.Cancellation | None,
        max_rows: int,
        counted_by: metrics.Metrics,
        sampled: Callable[[], Callable[[prediction_log_pb2.PredictionLog], None] | None] = lambda: None,
        give_back: Callable[[], None] = lambda: None,
    ):
        self._loaded = loaded
        self._api = api
        self._deadline = deadline
        self._cancellation = cancellation
        self._max_rows = max_rows
        self._metrics = counted_by
        self._sampled = sampled
        self._give_back = give_back
        # A MultiInference runs several signatures over the same examples.
        self._are_examples_counted = api == "Predict"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._give_back()

    @property
    def model_name(self) -> str:
        """Under which it is served."""
        return self._loaded.model_name

    @property
    def version(self) -> int:
        """Number of its folder."""
        return self._loaded.version

    @property
    def model_dir(self) -> pathlib.Path | None:
        """Folder that it was loaded from."""
        return self._loaded.model_dir

    @property
    def lifetime(self) -> object:
        """What lives as long as the version is loaded: what is kept of a version may be kept under a weak key of it."""
        return self._loaded

    @property
    def signature_defs(self) -> Mapping[str, meta_graph_pb2.SignatureDef]:
        """Signature name to SignatureDef."""
        return self._loaded.signature_defs

    def run(
        self, signature_name: str, inputs: Mapping[str, np.ndarray], output_filter: Sequence[str] = ()
    ) -> dict[str, np.ndarray]:
        """Runs one signature, see `Servable.run`.

        Raises:
          ServingError: `InvalidArgumentError` for too many rows, else as `Servable.run` does.
        """
        num_rows = max((len(array) for array in inputs.values() if array.ndim), default=0)
        if self._max_rows and num_rows > self._max_rows:
            raise errors.InvalidArgumentError(
                f"A request may have {self._max_rows} rows (--max_request_rows), but has {num_rows}; ask in parts."
            )
        started = time.perf_counter()
        outputs = self._loaded.run(signature_name, inputs, output_filter, self._deadline, self._cancellation)
        self._metrics.add_run(self.model_name, self._api, time.perf_counter() - started)
        if not self._are_examples_counted:
            self._metrics.add_examples(self.model_name, num_rows)
            self._are_examples_counted = True
        return outputs

    def log(self, kind: str, messages: Callable[[], tuple[message.Message, message.Message]]) -> None:
        """Logs the request, which was answered, if it is one of the sample.

        Args:
          kind: field of PredictionLog, such as `predict_log`.
          messages: returns request and answer.
        """
        add = self._sampled()
        if add is None:
            return
        log = prediction_log_pb2.PredictionLog()
        request, response = messages()
        getattr(log, kind).request.CopyFrom(request)
        getattr(log, kind).response.CopyFrom(response)
        log.log_metadata.model_spec.name = self.model_name
        log.log_metadata.model_spec.version.value = self.version
        add(log)
