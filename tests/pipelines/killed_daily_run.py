"""Does the days of a log and dies by SIGKILL at named places, one after another, then runs to the end.

python -m tests.pipelines.killed_daily_run ROOT [--again] [PLACE:TIMES ...]

With --again every run does the third day and all later ones again. Each run is a fork of a process that has imported
everything and started nothing. Before each, whatever the last one left behind, every version that a server would find
must be whole. That what a training, an export or a preparation leaves half done is mended has drills of its own; here
they die too, where they stand in the line.
"""

import pathlib
import sys

from pipelines import daily_run, export, export_gates, export_versions, json_line_file, publishing
from pipelines.daily import day_stages
from serving import manifest
from tests.pipelines import deaths, killed_training
from tests.pipelines.daily import shop_days


def _watch(death: deaths.Death) -> None:
    """Passes a place before and after each stage, in the middle of each write, and when a version is published."""
    death.watch_files()
    killed_training.watch_checkpoints(death)
    run_stage, run_export, write_all = day_stages.DayWork.run, export.run, json_line_file._write_all
    remove = publishing.remove_directory

    def watched_stage(work: day_stages.DayWork, name: str, record: object) -> object:
        death.at(f"before {name}")
        done = run_stage(work, name, record)
        # What the stage made is there, and nothing is noted of it.
        death.at(f"after {name}")
        return done

    def watched_line(descriptor: int, line: bytes) -> None:
        death.at("half of a ledger line", lambda: write_all(descriptor, line[: len(line) // 2]))
        write_all(descriptor, line)

    def watched_export(config: export.ExportConfig) -> export.ExportResult:
        done = run_export(config)
        death.at("published")
        return done

    def watched_removal(path: pathlib.Path) -> None:
        death.at(f"removing {path.name}")
        remove(path)
        death.at(f"removed {path.name}")

    day_stages.DayWork.run, export.run = watched_stage, watched_export
    json_line_file._write_all, publishing.remove_directory = watched_line, watched_removal


def _require_whole_versions(export_dir: pathlib.Path) -> None:
    for number in export_versions.numbers(export_dir):
        version_dir = export_dir / str(number)
        manifest.require_unchanged_files(version_dir, manifest.read_manifest(version_dir))


def _run(root: pathlib.Path, **options: object) -> None:
    _require_whole_versions(root / "served" / "shop")
    # A process for each version, seconds each; the drill of the export lets it run.
    export_gates.require_loadable = lambda *arguments: None
    daily_run.run(shop_days.config(root, **options))


def main() -> None:
    root, *places = sys.argv[1:]
    again = {"backfill_from": shop_days.date_of(2)} if "--again" in places else {}
    places = [each for each in places if each != "--again"]
    if deaths.run_through(places, _watch, lambda: _run(pathlib.Path(root), **again)):
        sys.exit(1)


if __name__ == "__main__":
    main()
