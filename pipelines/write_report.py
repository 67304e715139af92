"""Writes what is known of a model, its data and its export as one HTML page that needs nothing but itself.

    python -m pipelines.write_report --prepared_dir=prepared --model_dir=model --output_dir=report
    python -m pipelines.write_report --prepared_dir=prepared --model_dir=model --output_dir=report \\
        --version_dir=served/shop/1 --other_model_dir=model_without_correction --slice_columns=region

It evaluates first, as `pipelines.evaluate` with the same flags, and reads the rest from what the jobs left behind.
Writes:

  evaluation.json   what `pipelines.evaluate` writes; used again where it is there
  correction.json   the same of two models that differ in the logQ correction alone, on validation, if there are such
  report.json       every figure
  report.html       the same as a page

`--report_histories` shows queries of the log with what they chose, which is personal data.
"""

import dataclasses
import datetime
import pathlib
from collections.abc import Mapping

from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    embedding_map,
    evaluate,
    frequency_calibration,
    job,
    offline_evaluation,
    prepared_data,
    report_figures,
    sample_answers,
)
from pipelines.report import html_report

for _name in ("prepared_dir", "model_dir", "output_dir", "ask_per", "evaluation_split"):
    flags.declare_key_flag(_name)
for _name in ("other_model_dir", "version_dir", "slice_columns"):
    flags.declare_key_flag(_name)
_HISTORIES = flags.DEFINE_bool(
    "report_histories", False, "Whether queries of the log are shown with what they chose. These are personal data."
)
_CORRECTION_DIRS = flags.DEFINE_list(
    "correction_model_dirs",
    [],
    "Two directories, of a model with logQ correction and of one that differs in that alone, to show what it does; "
    "without them --model_dir and --other_model_dir, where they differ in that alone. Asked on validation.",
)
_TITLE = flags.DEFINE_string("report_title", "", "Heading of the page; by default the name of --model_dir.")

# What is learnt of a choice of options is learnt on validation.
_CORRECTION_SPLIT = "validation"


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """What the job reads and writes.

    Attributes:
      output_dir: directory for everything the job makes.
      evaluation: what is measured; its path is that in `output_dir`.
      correction_model_dirs: two models that differ in the correction, or none.
      histories: whether queries are shown with what they chose.
      title: heading of the page.
    """

    output_dir: str
    evaluation: evaluate.EvaluateConfig
    correction_model_dirs: tuple[str, ...] = ()
    histories: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        if not self.output_dir:
            raise job.ConfigError("--output_dir must name a directory, but is empty.")
        if len(self.correction_model_dirs) not in (0, 2):
            raise job.ConfigError(
                "--correction_model_dirs must be two directories, with the correction and without it, but are "
                f"{len(self.correction_model_dirs)}."
            )
        path = str(pathlib.Path(self.output_dir) / "evaluation.json")
        object.__setattr__(self, "evaluation", dataclasses.replace(self.evaluation, evaluation_path=path))


def config_from_flags() -> ReportConfig:
    """Returns the configuration that the flags describe."""
    evaluation = evaluate.config_from_flags()
    if evaluation.evaluation_path:
        raise job.ConfigError(
            f"--evaluation_path={evaluation.evaluation_path} is no flag of a report, whose evaluation.json is in "
            "--output_dir; leave it out."
        )
    return ReportConfig(
        common_flags.OUTPUT_DIR.value,
        evaluation,
        tuple(_CORRECTION_DIRS.value),
        _HISTORIES.value,
        _TITLE.value,
    )


def run(config: ReportConfig, more: Mapping | None = None) -> dict:
    """Evaluates, gathers and writes.

    Args:
      config: what is read and written.
      more: parts of the report that only the caller knows, such as `serving` and `stages`.

    Returns:
      The object of `report.json`.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError, ManifestError: if an input cannot be read.
      ConfigError: as `evaluate.run`, or if the models of the correction differ in more than that.
    """
    _require_correction_alone(config.correction_model_dirs)
    output = pathlib.Path(config.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    evaluation = evaluate.run(config.evaluation)
    with job.stage("Gathering the report") as counts:
        report = {**_figures(config, evaluation), **(more or {})}
        artifacts.write_json(output / "report.json", report)
        html_report.write_html_report(report, output / "report.html")
        counts.update(kilobytes=(output / "report.html").stat().st_size // 1000)
    logging.info("Wrote %s and %s", output / "report.json", output / "report.html")
    return report


def _figures(config: ReportConfig, evaluation: dict) -> dict:
    asked = config.evaluation
    data = prepared_data.read_prepared_data(asked.prepared_dir)
    return {
        "title": config.title or pathlib.Path(asked.model_dir).resolve().name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": report_figures.versions(),
        "data": report_figures.data_card(data.manifest),
        "configuration": report_figures.configuration(asked.model_dir),
        "training": report_figures.training_card(asked.model_dir),
        "evaluation": evaluation,
        **_pictures(config, data, evaluation["best_checkpoint"]),
        "frequency": frequency_calibration.measure(asked.model_dir, data),
        "index": report_figures.index_card(asked.version_dir) if asked.version_dir else None,
        "comparison": _comparison(asked),
        "correction": _correction(config, data),
    }


def _pictures(config: ReportConfig, data: prepared_data.PreparedData, checkpoint_name: str) -> dict:
    """Returns what needs the towers of the checkpoint that was evaluated."""
    embedder = offline_evaluation.Embedder.of_directory(config.evaluation.model_dir, checkpoint_name, data)
    corpus = embedder.corpus()
    samples = sample_answers.ask(data, config.evaluation.split, embedder, corpus) if config.histories else None
    return {"embeddings": embedding_map.draw(data, corpus), "samples": samples}


def _comparison(asked: evaluate.EvaluateConfig) -> dict | None:
    return report_figures.comparison([asked.model_dir, asked.other_model_dir]) if asked.other_model_dir else None


def _correction(config: ReportConfig, data: prepared_data.PreparedData) -> dict | None:
    """Returns the figures of two models that differ in the correction alone, if there are such."""
    model_dirs = config.correction_model_dirs or _asked_models_of_correction(config.evaluation, data)
    if not model_dirs:
        return None
    measured = dataclasses.replace(
        config.evaluation,
        model_dir=model_dirs[0],
        other_model_dir=model_dirs[1],
        evaluation_path=str(pathlib.Path(config.output_dir) / "correction.json"),
        split=_CORRECTION_SPLIT,
        version_dir="",
    )
    return {"evaluation": evaluate.run(measured), **report_figures.comparison(model_dirs)}


def _asked_models_of_correction(
    asked: evaluate.EvaluateConfig, data: prepared_data.PreparedData
) -> tuple[str, str] | None:
    """Returns the models that are compared anyway, where they show the correction and can be asked on its split."""
    pair = asked.model_dir, asked.other_model_dir
    shows_it = all(pair) and report_figures.differ_in_correction_alone(pair)
    return pair if shows_it and data.has_split(_CORRECTION_SPLIT) else None


def _require_correction_alone(model_dirs: tuple[str, ...]) -> None:
    if not model_dirs or report_figures.differ_in_correction_alone(model_dirs):
        return
    found = report_figures.differences(*map(report_figures.configuration, model_dirs))
    differing = ", ".join(f"{each['option']} ({each['values'][0]}, {each['values'][1]})" for each in found)
    raise job.ConfigError(
        "--correction_model_dirs must be two models of the same data, one with --log_q_correction=none, that differ in "
        f"that option alone, but {' and '.join(model_dirs)} differ in {differing or 'no option'}; train one of them as "
        "the other but for that option."
    )


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "model_dir", "output_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
