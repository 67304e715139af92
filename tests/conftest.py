"""What every test finds, whichever others ran before it in its process."""

import gc

import pytest
from absl import logging

# A twentieth of what tests take, and a fifth of what it takes to import them, is the search for garbage among
# TensorFlow's modules. So it waits until all is imported, and then leaves that out, as the server's process does.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    # What is left out is not collected at the end either, and nanobind's libraries would call it leaked.
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="session")
def jobs_log_what_they_do():
    """A job raises the verbosity when its program starts; tests call jobs without a program."""
    logging.set_verbosity(logging.INFO)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of tests/conformance; pytest reads options only from the conftest of the tests' own folder."""
    group = parser.getgroup("conformance", "the contract of TensorFlow Serving's API, tests/conformance")
    group.addoption("--target", help="host:port of a gRPC API to ask instead of our own server")
    group.addoption("--rest_target", help="host:port of the REST API beside it")
    group.addoption("--models_dir", help="what export_models wrote, as that server sees it; without it no reloads")
