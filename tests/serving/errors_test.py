import grpc
import pytest

from serving import errors


def test_codes_have_the_names_and_numbers_of_grpc():
    assert {code.name: code.value for code in errors.StatusCode} == {
        code.name: code.value[0] for code in grpc.StatusCode
    }


@pytest.mark.parametrize(
    ("code", "http_status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("FAILED_PRECONDITION", 400),
        ("OUT_OF_RANGE", 400),
        ("NOT_FOUND", 404),
        ("RESOURCE_EXHAUSTED", 429),
        ("UNIMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("INTERNAL", 500),
        ("DATA_LOSS", 500),
    ],
)
def test_each_code_has_its_http_status(code, http_status):
    error = errors.error_from_code(errors.StatusCode[code], "why")
    assert error.code.name == code
    assert error.http_status == http_status
    assert str(error) == "why"


def test_a_code_gives_the_same_class_as_its_name():
    assert type(errors.error_from_code(5, "")) is errors.NotFoundError
    assert type(errors.error_from_code(99, "")) is errors.ServingError


@pytest.mark.parametrize(
    ("http_status", "error_class"),
    [
        (400, errors.InvalidArgumentError),
        (404, errors.NotFoundError),
        (429, errors.ResourceExhaustedError),
        (500, errors.InternalError),
        (503, errors.UnavailableError),
        (418, errors.ServingError),
    ],
)
def test_an_http_status_becomes_the_most_general_error_that_has_it(http_status, error_class):
    assert type(errors.error_from_http_status(http_status, "why")) is error_class
