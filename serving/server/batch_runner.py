"""Runs batches of one signature: merges their requests, calls the model and takes the answers apart."""

from collections.abc import Sequence

from serving import errors
from serving.server import (
    batch_inputs,
    batch_merge,
    batch_request,
    batch_statistics,
    batching_parameters,
    servable,
)
from serving.server import clock as clock_lib

# What a request can be to blame for. Any other error would come again.
_BLAMED_ON_A_REQUEST = (errors.InvalidArgumentError, errors.OutOfRangeError, errors.FailedPreconditionError)
_Requests = Sequence[batch_request.BatchRequest]


class BatchRunner:
    """Answers requests that share a signature and an output filter.

    Where TensorFlow Serving answers all requests of a batch with the error of one of them, a batch that was refused
    here is run again request by request, so that only the wrong one is refused; `BatchCounts.run_apart` counts that.
    What a batch is refused with for another reason, such as memory, all of it are.

    Args:
      model: what answers.
      signature_name: of one of its signatures.
      output_filter: names of the outputs wanted; empty for all.
      signature: says what shorter lists are filled up with.
      parameters: sizes that batches are filled up to.
      statistics: is told what was run.
      clock: tells the time that deadlines are meant on.
    """

    def __init__(
        self,
        model: servable.Servable,
        signature_name: str,
        output_filter: Sequence[str],
        signature: batch_inputs.BatchableSignature,
        parameters: batching_parameters.BatchingParameters,
        statistics: batch_statistics.BatchStatistics,
        clock: clock_lib.Clock,
    ):
        self._model = model
        self._signature_name = signature_name
        self._output_filter = output_filter
        self._signature = signature
        self._parameters = parameters
        self._statistics = statistics
        self._clock = clock

    def run(self, requests: _Requests) -> None:
        """Answers or refuses each request; those that nobody waits for any more are not run."""
        wanted = self._wanted(requests)
        if not wanted:
            return
        now = self._clock.now()
        self._statistics.add(queuing_micros=round(1e6 * sum(now - request.queued_at for request in wanted)))
        try:
            self._run_together(wanted)
        except _RefusedTogether:
            self._statistics.add(run_apart=1)
            for request in wanted:
                self._run_by_itself(request)
        except Exception as error:
            for request in wanted:
                request.refuse(_copied(error))

    def _wanted(self, requests: _Requests) -> list[batch_request.BatchRequest]:
        wanted = []
        for request in requests:
            reason = request.why_not_run(self._clock.now())
            if reason is None:
                wanted.append(request)
            else:
                self._statistics.add_unwanted(reason)
                request.refuse(reason)
        return wanted

    def _run_by_itself(self, request: batch_request.BatchRequest) -> None:
        for wanted in self._wanted([request]):
            try:
                self._run_together([wanted])
            except Exception as error:
                wanted.refuse(error)

    def _run_together(self, requests: _Requests) -> None:
        num_rows = [request.num_rows for request in requests]
        batch_size = self._parameters.padded_batch_size(sum(num_rows))
        inputs = batch_merge.merged([request.inputs for request in requests], batch_size, self._signature.filling)
        self._statistics.add(
            batches=1, requests=len(requests), rows=sum(num_rows), padding_rows=batch_size - sum(num_rows)
        )
        try:
            outputs = self._model.run(self._signature_name, inputs, self._output_filter)
        except _BLAMED_ON_A_REQUEST as error:
            if len(requests) > 1:
                raise _RefusedTogether from error
            raise
        answers = batch_merge.split(outputs, num_rows, batch_size)
        for request, answer in zip(requests, answers, strict=True):
            request.answer(answer)


class _RefusedTogether(Exception):  # noqa: N818 - never leaves this module.
    """The model refused a batch for something that one of its requests may be to blame for."""


def _copied(error: Exception) -> Exception:
    """Returns an error of its own for each request: raised in several threads, one would collect all their frames."""
    if isinstance(error, errors.ServingError):
        return errors.error_from_code(error.code, error.message)
    return error
