"""How the messages of gRPC calls arrive: none may take for ever, and what takes long keeps no thread from others.

gRPC hands a call to a thread as soon as its headers are there, and the thread waits for the message. So two clients
that sent headers and then nothing held up all others. Here a call whose message does not come at once steps aside:
its thread counts no more, and once the message is there the call queues up again. After the longest time it is
cancelled, and the oldest ones before that where there are too many: each has a thread.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import message as protobuf_message

from serving import errors
from serving.server import bounded_pool, grpc_status, repeated_warning, request_records, worker_threads

# What is sent as one piece is there within tenths of a millisecond.
_SECONDS_UNTIL_ASIDE = 0.02
_SECONDS_BETWEEN_LOOKS = 0.01
# A server that is busy is slow to take what is there: nobody is one of too many before.
_LEAST_SECONDS = 1.0


class Arrivals(grpc.ServerInterceptor):
    """Reads the message of each call that has one, in the thread that answers it; refuses what is none.

    Args:
      pool: answers calls that name no pool of their own.
      longest_seconds: that a message may take to arrive.
      most_aside: calls that may have stepped aside at a time, but for those that did within the last second.
      records: learns of messages that cannot be read.
    """

    def __init__(
        self,
        pool: bounded_pool.BoundedPool,
        longest_seconds: float,
        most_aside: int,
        records: request_records.RequestRecords,
    ):
        self._pool = pool
        self._longest_seconds = longest_seconds
        self._most_aside = most_aside
        self._records = records
        self._handlers: dict[Callable, grpc.RpcMethodHandler] = {}
        # Whoever takes a call out of one of these decides what becomes of it; the lock is for those that take long.
        self._new: dict[_Arrival, None] = {}
        self._aside: dict[_Arrival, None] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._too_late, self._too_many = repeated_warning.RepeatedWarning(), repeated_warning.RepeatedWarning()

    def start(self) -> None:
        """Begins to look after what takes long."""
        threading.Thread(target=self._look, name="grpc arrivals", daemon=True).start()

    def stop(self) -> None:
        """Ends that; returns at once."""
        self._stopped.set()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """Returns what answers a call: where it has one message, a handler that reads it here."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        if handler.unary_unary not in self._handlers:
            self._handlers[handler.unary_unary] = self._reading(handler)
        return self._handlers[handler.unary_unary]

    def _reading(self, handler: grpc.RpcMethodHandler) -> grpc.RpcMethodHandler:
        method, parse = handler.unary_unary, handler.request_deserializer
        pool = getattr(method, "experimental_thread_pool", self._pool)

        def answer_message(message: bytes, context: grpc.ServicerContext) -> Any:
            if message is None:
                return self._refuse("A call has to carry a message, but carried none.", context)
            try:
                request = parse(message)
            except protobuf_message.DecodeError as error:
                return self._refuse(f"The message is not of the kind that this method takes: {error}.", context)
            return method(request, context)

        def answer(messages: Iterator[bytes], context: grpc.ServicerContext) -> Any:
            arrival = _Arrival(context)
            self._new[arrival] = None
            try:
                message = next(messages, None)
            except BaseException:
                # Its client gave up, or the server did.
                if self._ends_aside(arrival):
                    arrival.worker.threads.come_back()
                raise
            if not self._ends_aside(arrival):
                return answer_message(message, context)
            try:
                return pool.submit(answer_message, message, context).result()
            finally:
                arrival.worker.threads.come_back()

        # Where gRPC looks for a pool of the method's own.
        answer.experimental_thread_pool = pool
        return grpc.stream_unary_rpc_method_handler(answer, None, handler.response_serializer)

    @grpc_status.answers_errors
    def _refuse(self, sentence: str, context: grpc.ServicerContext) -> None:
        del context
        # Nobody can tell which model it is for.
        self._records.add_refused("GRPC", errors.StatusCode.INVALID_ARGUMENT)
        raise errors.InvalidArgumentError(sentence)

    def _ends_aside(self, arrival: "_Arrival") -> bool:
        """Ends the waiting for a message; returns whether the call had stepped aside."""
        if self._new.pop(arrival, arrival) is None:
            return False
        with self._lock:
            return self._aside.pop(arrival, arrival) is None

    def _look(self) -> None:
        while not self._stopped.wait(_SECONDS_BETWEEN_LOOKS):
            now = time.monotonic()
            for arrival in list(self._new):
                if now - arrival.since > _SECONDS_UNTIL_ASIDE:
                    self._step_aside(arrival)
            # In the order in which they stepped aside.
            aside = list(self._aside)
            for position, arrival in enumerate(aside):
                if arrival.is_cancelled:
                    continue
                if now - arrival.since > self._longest_seconds:
                    self._too_late.say(f"Cancelled calls whose messages took longer than {self._longest_seconds:g} s.")
                    arrival.cancel()
                elif position < len(aside) - self._most_aside and now - arrival.since > _LEAST_SECONDS:
                    self._too_many.say(
                        f"Cancelled calls whose messages were awaited for longest: more than {self._most_aside} had "
                        "sent none."
                    )
                    arrival.cancel()

    def _step_aside(self, arrival: "_Arrival") -> None:
        with self._lock:
            if self._new.pop(arrival, arrival) is None:
                arrival.worker.threads.step_aside(arrival.worker)
                self._aside[arrival] = None


class _Arrival:
    """One call whose message is not there yet."""

    def __init__(self, context: grpc.ServicerContext):
        self.since = time.monotonic()
        self.worker = worker_threads.current_worker()
        self.is_cancelled = False
        self._context = context

    def cancel(self) -> None:
        """Has the waiting fail."""
        self.is_cancelled = True
        self._context.cancel()
