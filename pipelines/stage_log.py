"""The stages of any job as JSON lines, for `jq`, a log collector or an alarm: `--stage_log_path=stages.jsonl`.

    {"job": "train", "pid": 4711, "stage": "Training", "started_utc": "2026-11-01T04:00:05Z", "seconds": 61.2,
     "outcome": "done", "counts": {"epochs": 5}}

A line is written when a stage ends, and two with `"stage": null` for the job: one when it begins and, with the exit
code, one when it ends; a killed process leaves a beginning without an end. Several jobs may write into one file.
"""

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from absl import flags

from pipelines import json_line_file, run_ledger

flags.DEFINE_string(
    "stage_log_path",
    None,
    "File of JSON lines to which each stage of the job is appended when it ends; none if not given.",
)
# Every job that logs its stages has the flag, so the help of whichever is started shows it.
flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS["stage_log_path"])

_labels: dict[str, Any] = {}


class StageLine:
    """A line in the making.

    Args:
      stage: name of the stage, or `None` for the job as a whole.
    """

    def __init__(self, stage: str | None):
        self._stage = stage
        self._started_utc = run_ledger.utc_now()
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall clock since the stage began."""
        return time.monotonic() - self._started

    def write(self, outcome: str, counts: Mapping[str, Any], **further: Any) -> None:
        """Appends the line, if the flag names a file.

        Args:
          outcome: one of the ledger's outcomes.
          counts: what the stage counted, by name; what JSON does not know is written as text.
          **further: what else is known, such as the exit code; `None` is left out.
        """
        # Of the flag object, which has its default in a program that parses no flags.
        path = flags.FLAGS["stage_log_path"].value
        if not path:
            return
        known = {name: value for name, value in further.items() if value is not None}
        json_line_file.append(
            path,
            {
                **{"job": job_name(), "pid": os.getpid(), "stage": self._stage, **_labels},
                **{"started_utc": self._started_utc, "seconds": round(self.seconds, 3), "outcome": outcome},
                **{"counts": {name: _json_value(value) for name, value in counts.items()}, **known},
            },
        )


@contextlib.contextmanager
def labelled(**labels: Any) -> Iterator[None]:
    """Puts fields such as `date="2026-11-01"` into every line that is written within the block."""
    before = dict(_labels)
    _labels.update(labels)
    try:
        yield
    finally:
        _labels.clear()
        _labels.update(before)


def job_name() -> str:
    """Returns what was started: `train` for both `python -m pipelines.train` and `tfrs-train`."""
    program = pathlib.Path(sys.argv[0])
    name = program.parent.name if program.stem == "__main__" else program.stem
    return name.removeprefix("tfrs-").replace("-", "_")


def _json_value(value: Any) -> Any:
    is_json = value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and value - value == 0)
    return value if is_json else str(value)
