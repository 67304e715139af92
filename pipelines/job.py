"""What every job does the same way: stage lines in the log, one sentence for an error, an exit code.

def main(argv):
    job.run_main(lambda: run(config_from_flags()), argv)

A job ends with one of these codes:

      0  done
      1  refused: one sentence on stderr says the rule, what came, and the remedy; the same command fails again
         until something is changed. An unknown or wrong flag ends so too
      2  a defect: a traceback; run again once, then report it
     75  another run works in the same directory (EX_TEMPFAIL of sysexits.h); the same command later
    130  interrupted by Ctrl-C; the same command goes on where it was

Ended by a signal a shell says 128 + its number: 137 after kill -9 or out of memory, 143 after SIGTERM; the same
command goes on after both.
"""

import contextlib
import errno
import logging as python_logging
import os
import pathlib
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator, Sequence

from absl import flags, logging

from pipelines import run_ledger, stage_log

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

_EXIT_DONE = 0
_EXIT_REFUSED = 1
_EXIT_DEFECT = 2
_EXIT_OTHER_RUN = 75
_EXIT_INTERRUPTED = 130
_interrupted = threading.Event()


class ConfigError(ValueError):
    """An option of a job is out of range or clashes with another; the message names the flag."""


def run_main(run: Callable[[], object], argv: Sequence[str] = ()) -> None:
    """Calls `run`, and ends the process with one line on stderr where the user can mend the cause.

    Expected errors are the ValueError subclasses that this project defines, and
    what the operating system refuses (permissions, a full disk). Anything else
    is a defect and shows its traceback; `--verbosity=1` shows it for both.

    Args:
      run: the job, flags already parsed; its result is dropped.
      argv: what absl left unparsed, the program name first; more than that is refused.

    Raises:
      SystemExit: unless all went well, with a code of the list above.
    """
    _show_stage_lines()
    line = stage_log.StageLine(None)
    try:
        line.write(run_ledger.BEGUN, {})
        if len(argv) > 1:
            raise ConfigError(f"Unexpected argument {argv[1]!r}; every option is a flag, --name=value.")
        with _remembering_interrupts():
            run()
        line.write(run_ledger.DONE, {}, exit_code=_EXIT_DONE)
    except BaseException as error:
        code = _exit_code(error)
        _try_to_write(line, error, exit_code=code)
        if isinstance(error, SystemExit):
            raise
        _tell(error, code)
        sys.exit(code)


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
    line = stage_log.StageLine(name)
    logging.info("%s ...", name)
    try:
        _raise_lost_interrupt()
        yield counts
        _raise_lost_interrupt()
    except BaseException as error:
        _try_to_write(line, error, counts)
        raise
    details = "".join(f", {key} {_grouped(value)}" for key, value in counts.items())
    logging.info("%s: done in %.1f s%s", name, line.seconds, details)
    line.write(run_ledger.DONE, counts)


def say_kept(name: str) -> None:
    """Logs that a stage's result is that of an interrupted run."""
    logging.info("%s: kept from the run that was interrupted", name)
    stage_log.StageLine(name).write(run_ledger.KEPT, {})


def outcome_of(error: BaseException) -> str:
    """Returns what the ledger and the stage log call an ending by this error."""
    if isinstance(error, KeyboardInterrupt):
        return run_ledger.INTERRUPTED
    if isinstance(error, SystemExit):
        return run_ledger.REFUSED if error.code else run_ledger.DONE
    return run_ledger.REFUSED if is_expected(error) else run_ledger.FAILED


def sentence_of(error: BaseException) -> str:
    """Returns one line on what was refused, where, and the remedy; of a defect its class and its words."""
    if isinstance(error, OSError):
        return " ".join(f"{_refusal(error)}. {_remedy(error)}".splitlines())
    words = " ".join(str(error).split())
    return words if is_expected(error) else f"{type(error).__name__}: {words}"


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


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        return _EXIT_INTERRUPTED
    if not is_expected(error):
        return _EXIT_DEFECT
    # A lock that another process holds says so; the job's own sentence is raised from it.
    is_locked = isinstance(error, BlockingIOError) or isinstance(error.__cause__, BlockingIOError)
    return _EXIT_OTHER_RUN if is_locked else _EXIT_REFUSED


def _tell(error: BaseException, code: int) -> None:
    """Prints the sentence of what was expected, the traceback of a defect."""
    if code == _EXIT_DEFECT:
        traceback.print_exception(error)
        return
    logging.debug("The error came from here:", exc_info=True)
    interrupted = "Interrupted; what was published before is unchanged. Run the same command again."
    sentence = interrupted if code == _EXIT_INTERRUPTED else sentence_of(error)
    print(f"ERROR: {sentence}", file=sys.stderr, flush=True)


def _try_to_write(
    line: stage_log.StageLine, error: BaseException, counts=types.MappingProxyType({}), **further
) -> None:
    """Writes the line of what failed; where that cannot be written either, the first error is the one to show."""
    try:
        line.write(outcome_of(error), counts, error=sentence_of(error) or None, **further)
    except OSError as second:
        logging.warning("The stage log was not written: %s", sentence_of(second))


def _grouped(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
