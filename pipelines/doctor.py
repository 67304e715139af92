"""Says whether this Python environment can train, export and serve, and how to mend it if not.

    python -m pipelines.doctor [--doctor_format=json]

Prints what is installed beside what is expected, tries the imports that can
crash, and exits with 1 if anything does not fit. It needs absl, but neither
TensorFlow nor any other package it reports on.
"""

import dataclasses
import json
import textwrap
from collections.abc import Sequence

from absl import app, flags

from pipelines import import_probes, job, machine, text_table, version_matrix
from pipelines.version_matrix import Check

_FORMATS = ("text", "json")
_DETAIL_WIDTH = 48

_FORMAT = flags.DEFINE_enum("doctor_format", "text", _FORMATS, "A table for people, or one JSON object for programs.")


@dataclasses.dataclass(frozen=True)
class DoctorConfig:
    """Options of the job.

    Attributes:
      output_format: `text` or `json`.
    """

    output_format: str = "text"

    def __post_init__(self) -> None:
        if self.output_format not in _FORMATS:
            raise job.ConfigError(f"--doctor_format must be text or json, but is {self.output_format!r}.")


@dataclasses.dataclass(frozen=True)
class DoctorResult:
    """Everything that was looked at.

    Attributes:
      checks: in the order of the report.
    """

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not fit."""
        return tuple(check for check in self.checks if not check.ok)


def config_from_flags() -> DoctorConfig:
    """Reads this job's flags."""
    return DoctorConfig(output_format=_FORMAT.value)


def run(config: DoctorConfig) -> DoctorResult:
    """Looks at versions, machine and imports, and prints the report on standard output."""
    with job.stage("Reading versions and the machine"):
        checks = [
            *version_matrix.check_versions(version_matrix.project_metadata()),
            *version_matrix.check_twins(),
            version_matrix.check_keras_choice(),
            *machine.check_machine(),
        ]
    with job.stage("Trying imports in a process of their own"):
        checks += import_probes.run_probes()
    result = DoctorResult(tuple(checks))
    print(to_json(result) if config.output_format == "json" else to_text(result), flush=True)
    return result


def to_json(result: DoctorResult) -> str:
    """Returns the report as one JSON object: `ok`, and `checks` with the fields of `Check`."""
    return json.dumps({"ok": not result.failed, "checks": [dataclasses.asdict(c) for c in result.checks]}, indent=2)


def to_text(result: DoctorResult) -> str:
    """Returns the report as a table, then one sentence for each check that failed."""
    shown = [
        (c.name, textwrap.shorten(c.installed, _DETAIL_WIDTH), c.expected, "ok" if c.ok else "NO")
        for c in result.checks
    ]
    rows = [("WHAT", "INSTALLED", "EXPECTED", ""), *shown]
    lines = text_table.aligned(rows, num_left=4)
    if not result.failed:
        return "\n".join([*lines, "", f"All {len(result.checks)} checks fit."])
    lines += ["", f"{len(result.failed)} of {len(result.checks)} checks do not fit:"]
    lines += [f"- {c.name}: {c.installed} (expected: {c.expected}). {c.remedy}" for c in result.failed]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the job; the exit code is 1 if anything does not fit."""

    def examine() -> None:
        if run(config_from_flags()).failed:
            raise SystemExit(1)

    job.run_main(examine, argv)


def console_main() -> None:
    """Entry point of the `tfrs-doctor` command."""
    app.run(main)


if __name__ == "__main__":
    console_main()
