"""Turns the errors of this package into gRPC status codes, the same way for every method."""

import functools
from collections.abc import Callable
from typing import Any

import grpc
from absl import logging

from serving import errors
from serving.server import request_ids

# Status details travel as a header, and clients refuse large headers.
_MAX_MESSAGE_CHARACTERS = 1024


def answers_errors(method: Callable[[Any, Any, grpc.ServicerContext], Any]) -> Callable:
    """Decorates a servicer method: a `ServingError` becomes its status, a defect INTERNAL without details."""

    @functools.wraps(method)
    def answer(servicer: Any, request: Any, context: grpc.ServicerContext) -> Any:
        request_id = request_ids.of_metadata(context.invocation_metadata)
        token = request_ids.CURRENT.set(request_id)
        try:
            return method(servicer, request, context)
        except errors.ServingError as error:
            code, message = error.code, error.message
        except MemoryError:
            code, message = errors.StatusCode.RESOURCE_EXHAUSTED, "The request needs more memory than the server has."
        except Exception:
            logging.exception("%s failed", method.__name__)
            code, message = errors.StatusCode.INTERNAL, f"{method.__name__} failed; the server's log says why."
        finally:
            request_ids.CURRENT.reset(token)
        context.set_trailing_metadata(((request_ids.NAME, str(request_id)),))
        # After the except clauses: abort raises, and must not seem to be caused by the error above.
        return context.abort(grpc.StatusCode[code.name], _shortened(message))

    return answer


def _shortened(message: str) -> str:
    if len(message) <= _MAX_MESSAGE_CHARACTERS:
        return message
    return message[:_MAX_MESSAGE_CHARACTERS] + "...TRUNCATED"
