"""One loaded model version whose requests run together with others, as in TensorFlow Serving's BatchingSession."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from serving import errors
from serving.server import (
    batch_inputs,
    batch_merge,
    batch_queue,
    batch_request,
    batch_runner,
    batch_scheduler,
    batch_statistics,
    batching_parameters,
    servable,
    worker_threads,
)
from serving.server import (
    cancellation as cancellation_lib,
)


class Batcher:
    """Answers as a `Servable` does; requests wait a little for others and then run with them.

    Requests share a batch if they ask the same signature for the same outputs, give the same inputs of the same
    shapes but for the rows, and ask for the same largest `k`; see `batch_inputs`. With `pad_variable_length_inputs`
    the shapes may differ. Requests whose inputs have no number of rows in common run alone and at once.

    A request that the model refuses does not fail its neighbours, see `BatchRunner`. One whose deadline passes, or
    that is cancelled, while it waits is answered DEADLINE_EXCEEDED or CANCELLED and never runs. One that runs is
    answered when its batch is over: nothing can interrupt the graph. A full queue answers RESOURCE_EXHAUSTED, where
    TensorFlow Serving says UNAVAILABLE with the same text.

    An output whose rows are not those of the inputs cannot be taken apart: it is refused with FAILED_PRECONDITION,
    also for a request that ran without others, so that the answer does not depend on who else asks.

    Args:
      model: what answers; belongs to the batcher from now on.
      scheduler: shared by all models.
      parameters: sizes, timeout and limits of this model's queues.
      statistics: shared by all models.
    """

    def __init__(
        self,
        model: servable.Servable,
        scheduler: batch_scheduler.BatchScheduler,
        parameters: batching_parameters.BatchingParameters,
        statistics: batch_statistics.BatchStatistics | None = None,
    ):
        self._model = model
        self._scheduler = scheduler
        self._parameters = parameters
        self._statistics = statistics or batch_statistics.BatchStatistics()
        self._signatures: dict[str, batch_inputs.BatchableSignature] = {}
        self.model_name = model.model_name
        self.version = model.version
        self.signature_defs = model.signature_defs
        self.model_dir = model.model_dir

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        output_filter: Sequence[str] = (),
        deadline: float | None = None,
        cancellation: cancellation_lib.Cancellation | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs one signature together with what others ask of it.

        Args:
          signature_name, inputs, output_filter: as in `Servable.run`.
          deadline: latest time to begin, on the scale of `time.monotonic`; `None` for none.
          cancellation: tells when nobody waits for the answer any more; `None` if it cannot be cancelled.

        Returns:
          As `Servable.run`.

        Raises:
          ServingError: as `Servable.run`, and for what is said of the class.
        """
        self._scheduler.require_running()
        reason = cancellation_lib.why_not_run(deadline, cancellation, self._scheduler.clock.now())
        if reason is not None:
            raise reason
        signature_name = signature_name or servable.DEFAULT_SIGNATURE_NAME
        self._model.check(signature_name, inputs, output_filter)
        arranged = self._signature(signature_name).arrange(inputs)
        if isinstance(arranged, batch_inputs.RunsAlone):
            return self._run_alone(signature_name, inputs, output_filter, arranged.refusal)
        # It will wait for others; whoever may not is told before it stands in a queue.
        worker_threads.give_up_turn()
        request = batch_request.BatchRequest(arranged.arrays, arranged.num_rows, deadline, cancellation)
        parts = self._submit(signature_name, tuple(output_filter), arranged.kind, request)
        return self._await(parts, cancellation)

    def close(self) -> None:
        """Runs what waits and frees what the version holds. No call may follow."""
        self._scheduler.drain(self)
        self._model.close()

    def _signature(self, name: str) -> batch_inputs.BatchableSignature:
        # Two threads may both make it; one of two equal ones stays.
        if name not in self._signatures:
            self._signatures[name] = batch_inputs.BatchableSignature(self.signature_defs[name], self._parameters)
        return self._signatures[name]

    def _run_alone(
        self, signature_name: str, inputs: Mapping[str, np.ndarray], output_filter: Sequence[str], refusal: str
    ) -> dict[str, np.ndarray]:
        self._statistics.add(run_alone=1)
        try:
            return self._model.run(signature_name, inputs, output_filter)
        except errors.InvalidArgumentError as error:
            if not refusal:
                raise
            raise errors.InvalidArgumentError(f"{refusal}, and the model refuses them: {error.message}") from error

    def _submit(
        self, signature_name: str, output_filter: tuple[str, ...], kind: object, request: batch_request.BatchRequest
    ) -> list[batch_request.BatchRequest]:
        make_queue = functools.partial(self._make_queue, signature_name, output_filter)
        try:
            return self._scheduler.submit((self, signature_name, output_filter, kind), make_queue, request)
        except errors.ResourceExhaustedError:
            self._statistics.add(refused=1)
            raise

    def _make_queue(self, signature_name: str, output_filter: tuple[str, ...]) -> batch_queue.BatchQueue:
        runner = batch_runner.BatchRunner(
            self._model,
            signature_name,
            output_filter,
            self._signature(signature_name),
            self._parameters,
            self._statistics,
            self._scheduler.clock,
        )
        return batch_queue.BatchQueue(self, runner.run, self._parameters)

    def _await(
        self, parts: Sequence[batch_request.BatchRequest], cancellation: cancellation_lib.Cancellation | None
    ) -> dict[str, np.ndarray]:
        """Waits for all parts, and takes those that need not run any more out of their queue."""
        if cancellation is not None:
            cancellation.listen(functools.partial(self._give_up, parts))
        try:
            for part in parts:
                if not part.wait(self._scheduler.clock, part.deadline):
                    self._give_up(parts)
                    part.wait(self._scheduler.clock)
        finally:
            if cancellation is not None:
                cancellation.listen(None)
        return batch_merge.joined([part.outputs() for part in parts])

    def _give_up(self, parts: Sequence[batch_request.BatchRequest]) -> None:
        """Refuses those parts of a request that nobody waits for any more and that still wait."""
        for part in parts:
            reason = part.why_not_run(self._scheduler.clock.now())
            if reason is not None and self._scheduler.discard(part, reason):
                self._statistics.add_unwanted(reason)
