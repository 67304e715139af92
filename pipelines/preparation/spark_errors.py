"""What Spark refuses, as sentences with the remedy."""

import contextlib
import re
from collections.abc import Iterator

import py4j.protocol
import pyspark.errors

from pipelines.preparation.errors import EngineStoppedError, PreparationError

_SAID_CHARACTERS = 300
_OUT_OF_MEMORY = ("OutOfMemoryError", "Java heap space", "GC overhead limit", "UNABLE_TO_ACQUIRE_MEMORY")
_MORE_MEMORY = "raise --engine_memory_limit, or free memory"
_MORE_DISK = "free space on the disk of --prepared_dir"
_STOPPED = (_MORE_MEMORY, _MORE_DISK)
_LOST = (py4j.protocol.Py4JNetworkError, ConnectionError, EOFError)


@contextlib.contextmanager
def readable_errors(doing: str) -> Iterator[None]:
    """Turns an error of Spark into one sentence.

    Args:
      doing: what the engine does in the block, such as `counting`.

    Raises:
      EngineStoppedError: if memory, disk or its process ran out.
      PreparationError: for whatever else Spark refuses.
    """
    try:
        yield
    except (pyspark.errors.PySparkException, py4j.protocol.Py4JError, ConnectionError, EOFError) as error:
        sentence = f"Spark failed while {doing}: {_said(error)}; {_remedy(error)}."
        raise (EngineStoppedError if _remedy(error) in _STOPPED else PreparationError)(sentence) from error


def _said(error: BaseException) -> str:
    if isinstance(error, _LOST):
        return "its process ended"
    lines = [line.strip() for line in str(error).split("\nJVM stacktrace")[0].splitlines()]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    said = causes[-1].removeprefix("Caused by: ") if causes else next((line for line in lines if line), "no reason")
    said = re.sub(r"^([a-z]+\.)+[A-Za-z]+(Exception|Error): ", "", said).rstrip(".")
    return said if len(said) <= _SAID_CHARACTERS else f"{said[:_SAID_CHARACTERS]}..."


def _remedy(error: BaseException) -> str:
    said = str(error)
    if isinstance(error, _LOST) or any(mark in said for mark in _OUT_OF_MEMORY):
        return _MORE_MEMORY
    if "No space left on device" in said:
        return _MORE_DISK
    return "check that the source files are whole and write them again if not"
