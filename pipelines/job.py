"""What every job does the same way: stage lines in the log, one sentence for an error, an exit code.

def main(argv):
    job.run_main(lambda: run(config_from_flags()), argv)
"""

import contextlib
import errno
import logging as python_logging
import os
import pathlib
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence

from absl import flags, logging

_PROJECT_PACKAGES = ("tfrs_model", "serving", "pipelines", "benchmarks", "__main__")
_PROJECT_FOLDERS = tuple(
    f"{pathlib.Path(__file__).parents[1] / package}{os.sep}" for package in ("serving", "pipelines", "benchmarks")
)

_NO_SPACE = "Free space on that disk, or name a path on another."
# Chosen by number first, by class where a library raises the class without a number.
_REMEDY_OF_NUMBER = {
    errno.ENOSPC: _NO_SPACE,
    errno.EDQUOT: _NO_SPACE,
    errno.EROFS: "Name a path on a disk that can be written.",
    errno.EADDRINUSE: "Choose another port, or end the process that uses it.",
}
_NUMBER_AND_REMEDY_OF_CLASS = {
    FileExistsError: (errno.EEXIST, "Name another path, or move it away."),
    FileNotFoundError: (errno.ENOENT, "Correct the path, or run the job that writes it."),
    NotADirectoryError: (errno.ENOTDIR, "Name another path, or move the file away that stands for a directory."),
    IsADirectoryError: (errno.EISDIR, "Name a file, or move the directory away."),
    PermissionError: (errno.EACCES, "Name another path, or ask its owner for the permission."),
    ConnectionError: (0, "Check that the other side runs and can be reached, then try again."),
    TimeoutError: (errno.ETIMEDOUT, "Check that the other side runs and can be reached, then try again."),
}
_OTHER_REMEDY = "Check the path, its disk and its permissions, then run the same command again."

_EXIT_FAILED = 1
_interrupted = threading.Event()
_EXIT_INTERRUPTED = 130


class ConfigError(ValueError):
    """An option of a job is out of range or clashes with another; the message names the flag."""


def run_main(run: Callable[[], object], argv: Sequence[str] = ()) -> None:
    """Calls `run`, and ends the process with one line on stderr where the user can mend the cause.

    Expected errors are the ValueError subclasses that this project defines, and
    what the operating system refuses (permissions, a full disk). Anything else
    is a defect and keeps its traceback; `--verbosity=1` shows it for both.

    Args:
      run: the job, flags already parsed; its result is dropped.
      argv: what absl left unparsed, the program name first; more than that is refused.

    Raises:
      SystemExit: code 1 after an expected error, 130 after Ctrl-C.
    """
    _show_stage_lines()
    try:
        if len(argv) > 1:
            raise ConfigError(f"Unexpected argument {argv[1]!r}; every option is a flag, --name=value.")
        with _remembering_interrupts():
            run()
    except KeyboardInterrupt:
        _end("Interrupted; what was published before is unchanged. Run the same command again.", _EXIT_INTERRUPTED)
    except (ValueError, OSError) as error:
        if not is_expected(error):
            raise
        _end(_sentence(error), _EXIT_FAILED)


def is_expected(error: BaseException) -> bool:
    """Returns whether the user can mend the cause: a ValueError subclass of this project, or an OSError."""
    if isinstance(error, OSError):
        return True
    return isinstance(error, ValueError) and type(error).__module__.split(".")[0] in _PROJECT_PACKAGES


@contextlib.contextmanager
def stage(name: str) -> Iterator[dict[str, object]]:
    """Logs one line when a stage starts and one with counts and seconds when it ends.

    Args:
      name: what is being done, such as `Writing vocabularies`.

    Yields:
      A dict; what the block puts into it is printed in the closing line.
    """
    counts: dict[str, object] = {}
    started = time.monotonic()
    logging.info("%s ...", name)
    _raise_lost_interrupt()
    yield counts
    _raise_lost_interrupt()
    details = "".join(f", {key} {_grouped(value)}" for key, value in counts.items())
    logging.info("%s: done in %.1f s%s", name, time.monotonic() - started, details)


def say_kept(name: str) -> None:
    """Logs that a stage's result is that of an interrupted run."""
    logging.info("%s: kept from the run that was interrupted", name)


@contextlib.contextmanager
def _remembering_interrupts() -> Iterator[None]:
    """Makes Ctrl-C count even where Python loses its exception, which it does inside finalisers and callbacks."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _interrupted.clear()


def _interrupt(signum: int, frame: types.FrameType | None) -> None:
    _interrupted.set()
    signal.default_int_handler(signum, frame)


def _raise_lost_interrupt() -> None:
    if _interrupted.is_set():
        raise KeyboardInterrupt


def _show_stage_lines() -> None:
    """Shows the project's own lines; of the libraries it calls only warnings."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.INFO)
        logging.get_absl_handler().addFilter(_is_worth_showing)
        python_logging.getLogger("tensorflow").setLevel(python_logging.WARNING)


def _is_worth_showing(record: python_logging.LogRecord) -> bool:
    return record.levelno >= python_logging.WARNING or record.pathname.startswith(_PROJECT_FOLDERS)


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError):
        return " ".join(f"{_refusal(error)}. {_remedy(error)}".splitlines())
    return " ".join(str(error).split())


def _refusal(error: OSError) -> str:
    """Returns what was refused and where; libraries leave out the reason, or give only the path."""
    number = next((number for kind, (number, _) in _NUMBER_AND_REMEDY_OF_CLASS.items() if isinstance(error, kind)), 0)
    reason = error.strerror or (os.strerror(number) if number else "The operating system or a library gave up")
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    said = " -> ".join(names) or ("" if error.strerror else str(error).strip().rstrip("."))
    return f"{reason}: {said}" if said else reason


def _remedy(error: OSError) -> str:
    if error.errno in _REMEDY_OF_NUMBER:
        return _REMEDY_OF_NUMBER[error.errno]
    remedies = (remedy for kind, (_, remedy) in _NUMBER_AND_REMEDY_OF_CLASS.items() if isinstance(error, kind))
    return next(remedies, _OTHER_REMEDY)


def _end(sentence: str, code: int) -> None:
    logging.debug("The error came from here:", exc_info=True)
    print(f"ERROR: {sentence}", file=sys.stderr, flush=True)
    sys.exit(code)


def _grouped(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
