"""Which thread answers a gRPC call, and which calls are refused because enough others wait.

Inference waits for the threads of its pool, so many and no more. What tells the state of the server is answered by
threads of its own, so that a busy server does not seem to be dead.
"""

import functools
import time
from collections.abc import Callable, Iterator

import grpc

from serving import errors
from serving.server import bounded_pool, grpc_status, request_records, worker_threads

_INFERENCE = frozenset(
    f"/tensorflow.serving.PredictionService/{method}" for method in ("Predict", "Classify", "Regress", "MultiInference")
)
_HEALTH = "/grpc.health."
_LONGEST_GOODBYE_SECONDS, _QUIET_SECONDS, _SECONDS_BETWEEN_CHECKS = 0.3, 0.1, 0.01
_RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


class Admission(grpc.ServerInterceptor):
    """Chooses the pool of each call, and refuses inference while its pool is full.

    Args:
      inference_pool: the server's own pool.
      control_pool: answers all other calls, and refusals.
      reload_pool: changes models, which may take as long as loading them does.
      records: learns of refusals.
    """

    def __init__(
        self,
        inference_pool: bounded_pool.BoundedPool,
        control_pool: bounded_pool.BoundedPool,
        reload_pool: bounded_pool.BoundedPool,
        records: request_records.RequestRecords,
    ):
        self._inference_pool = inference_pool
        self._control_pool = control_pool
        self._reload_pool = reload_pool
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}
        self._records = records
        self._refusal = _without_message(control_pool, self._refuse)
        self._goodbye = _without_message(control_pool, self._say_goodbye)
        self._is_ending = False
        self._last_call = 0.0

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Returns what answers a call."""
        method, self._last_call = handler_call_details.method, time.monotonic()
        if self._is_ending and not method.startswith(_HEALTH):
            return self._goodbye
        if method in _INFERENCE:
            return self._refusal if self._inference_pool.is_full else continuation(handler_call_details)
        if method not in self._handlers:
            handler = continuation(handler_call_details)
            if handler is None or handler.unary_unary is None:
                return handler
            pool = self._reload_pool if method == _RELOAD else self._control_pool
            self._handlers[method] = _on(pool, handler)
        return self._handlers[method]

    def say_goodbye(self) -> None:
        """Answers every further call that the server is stopping, and returns when calls no longer come, or soon.

        What came while gRPC closes its connections would be CANCELLED, which tells no client to ask another server.
        """
        self._is_ending = True
        end = time.monotonic() + _LONGEST_GOODBYE_SECONDS
        while time.monotonic() < min(end, self._last_call + _QUIET_SECONDS):
            time.sleep(_SECONDS_BETWEEN_CHECKS)

    @grpc_status.answers_errors
    def _say_goodbye(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> None:
        del messages, context
        self._records.add_refused("GRPC", errors.StatusCode.UNAVAILABLE)
        raise errors.UnavailableError("The server is stopping and takes no more requests; ask another one.")

    @grpc_status.answers_errors
    def _refuse(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> None:
        del messages, context
        # Nobody has read which model it is for.
        self._records.add_refused("GRPC", errors.StatusCode.RESOURCE_EXHAUSTED)
        raise worker_threads.too_many_wait()


def _without_message(pool: bounded_pool.BoundedPool, method: Callable) -> grpc.RpcMethodHandler:
    """Returns a handler that answers before the message is there, for it may be large, or take long."""
    answer = functools.partial(method)
    answer.experimental_thread_pool = pool
    return grpc.stream_unary_rpc_method_handler(answer)


def _on(pool: bounded_pool.BoundedPool, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
    answer = functools.partial(handler.unary_unary)
    # Where gRPC looks for a pool of the method's own; the health service of its project does the same.
    answer.experimental_thread_pool = pool
    return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)
