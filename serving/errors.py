"""What can go wrong between a client and a served model, one class per canonical status code.

The server raises these and each protocol translates them: gRPC by the name of
the code, REST by the one table below. A client translates back, so that a
caller sees the same exception whichever protocol it speaks.
"""

import enum


class StatusCode(enum.IntEnum):
    """The canonical status codes; names and numbers as in gRPC and TensorFlow."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# Several codes share one HTTP status. On the way back an HTTP status becomes
# the first code of this table that has it.
_HTTP_STATUS_BY_CODE = {
    StatusCode.OK: 200,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ABORTED: 409,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.CANCELLED: 499,
    StatusCode.INTERNAL: 500,
    StatusCode.UNKNOWN: 500,
    StatusCode.DATA_LOSS: 500,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}


class ServingError(ValueError):
    """A request or a model could not be served; `code` says what kind of failure it is.

    Attributes:
      code: canonical status code of this class.
      message: the sentence, as it goes over the wire.
    """

    code = StatusCode.UNKNOWN

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message

    @property
    def http_status(self) -> int:
        """HTTP status that a REST answer carries for this error."""
        return _HTTP_STATUS_BY_CODE[self.code]

    def __str__(self) -> str:
        return self.message


class CancelledError(ServingError):
    """The caller went away, or the server stopped, before there was an answer."""

    code = StatusCode.CANCELLED


class InvalidArgumentError(ServingError):
    """The request itself is wrong: malformed, of the wrong type, incomplete."""

    code = StatusCode.INVALID_ARGUMENT


class DeadlineExceededError(ServingError):
    """There was no answer within the time allowed."""

    code = StatusCode.DEADLINE_EXCEEDED


class NotFoundError(ServingError):
    """No such model, version or file."""

    code = StatusCode.NOT_FOUND


class AlreadyExistsError(ServingError):
    """What was to be created is there already."""

    code = StatusCode.ALREADY_EXISTS


class PermissionDeniedError(ServingError):
    """The caller may not do this."""

    code = StatusCode.PERMISSION_DENIED


class ResourceExhaustedError(ServingError):
    """A queue, a size limit or the memory is full."""

    code = StatusCode.RESOURCE_EXHAUSTED


class FailedPreconditionError(ServingError):
    """The model is not in a state, or not of a kind, that can answer this request."""

    code = StatusCode.FAILED_PRECONDITION


class AbortedError(ServingError):
    """The operation clashed with another one."""

    code = StatusCode.ABORTED


class OutOfRangeError(ServingError):
    """A position lies behind the end."""

    code = StatusCode.OUT_OF_RANGE


class UnimplementedError(ServingError):
    """The server does not offer this operation."""

    code = StatusCode.UNIMPLEMENTED


class InternalError(ServingError):
    """The server or the model is broken; the request may be fine."""

    code = StatusCode.INTERNAL


class UnavailableError(ServingError):
    """The server cannot be reached, or is shutting down."""

    code = StatusCode.UNAVAILABLE


class DataLossError(ServingError):
    """A file is corrupt."""

    code = StatusCode.DATA_LOSS


class UnauthenticatedError(ServingError):
    """The caller did not say who it is."""

    code = StatusCode.UNAUTHENTICATED


_CLASS_BY_CODE = {error_class.code: error_class for error_class in ServingError.__subclasses__()}
_CODE_BY_HTTP_STATUS = {status: code for code, status in reversed(_HTTP_STATUS_BY_CODE.items())}


def error_from_code(code: int, message: str) -> ServingError:
    """Returns the error of a canonical status code; a number outside the table gives `ServingError`."""
    return _CLASS_BY_CODE.get(code, ServingError)(message)


def error_from_http_status(http_status: int, message: str) -> ServingError:
    """Returns the error that an HTTP status stands for, `InvalidArgumentError` for a 400; see the table."""
    return error_from_code(_CODE_BY_HTTP_STATUS.get(http_status, StatusCode.UNKNOWN), message)
