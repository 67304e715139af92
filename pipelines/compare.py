"""Fits models and baselines on one prepared data set, asks all of them the same, and prints one table with intervals.

    python -m pipelines.compare --prepared_dir=prepared --comparison_dir=comparison \
        --systems=movielens_100k,ease,als,popularity

A system is a baseline, whose parameters validation chooses; a directory that `train` wrote; a shipped configuration, or
a JSON file of training options, which is trained; or a JSON file such as {"baseline": "als", "gravity": 0.5}, whose
parameters are taken as they are. All are fitted on the training split. The first is what the others are compared with,
question by question. What was fitted and answered is kept in `--comparison_dir`: a run that was interrupted goes on
where it was, and a system that is added costs its own time alone.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    directory_lock,
    job,
    machine,
    offline_evaluation,
    prepared_data,
    training_flags,
)
from pipelines.comparison import answering, baselines, figures, systems, table
from pipelines.comparison import questions as questions_lib
from tfrs_model import metrics

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("ask_per")
_SYSTEMS = flags.DEFINE_list(
    "systems",
    ["popularity", "ease", "als"],
    f"What is compared: {', '.join((*baselines.BASELINES, systems.SOFTMAX_DNN))}; model directories; shipped "
    "configurations; JSON files of options or parameters.",
)
_DIRECTORY = flags.DEFINE_string(
    "comparison_dir", None, "Directory for models, answers and comparison.json; kept between runs."
)
_SPLIT = flags.DEFINE_enum("comparison_split", "test", ("validation", "test"), "Which held-out interactions are asked.")
_METRICS = flags.DEFINE_list(
    "comparison_metrics",
    ["recall_at_10", "recall_at_50", "recall_at_100", "ndcg_at_10", "mrr"],
    "Metrics of the table; the first chooses among parameters.",
)
_HISTORY = flags.DEFINE_enum(
    "history_of_baselines",
    "visible",
    questions_lib.HISTORIES,
    "What baselines are shown of a query: all that models are shown and what is simultaneous, or its training row; als "
    "reads it with folds_in alone, which validation chooses, else it answers with the vector of training.",
)
_NUM_SEEDS = flags.DEFINE_integer("seeds_per_system", 1, "Seeds of what draws at random, from 0.", lower_bound=1)


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      comparison_dir: where models, answers and `comparison.json` go.
      systems: names, see `systems.find`; the first is what the others are compared with.
      split: `validation` or `test`.
      ask_per: `interaction`, each a question of its own, or `query`, each asked once for all it chose in the split.
      metrics: names; the first chooses among parameters, on validation.
      num_seeds: of systems that draw at random.
      history: what baselines are shown of each query, one of `questions.HISTORIES`.
    """

    prepared_dir: str
    comparison_dir: str
    systems: tuple[str, ...]
    split: str = "test"
    ask_per: str = "interaction"
    metrics: tuple[str, ...] = ("recall_at_10", "recall_at_50", "recall_at_100", "ndcg_at_10", "mrr")
    num_seeds: int = 1
    history: str = "visible"

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "comparison_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        offline_evaluation.require_ask_per(self.ask_per)
        for flag, names in (("systems", self.systems), ("comparison_metrics", self.metrics)):
            if not names or len(set(names)) < len(names):
                raise job.ConfigError(f"--{flag} must be one name or several different ones, but is {','.join(names)}.")
        try:
            figures.require_metrics(self.metrics)
        except metrics.MetricsError as error:
            raise job.ConfigError(f"--comparison_metrics: {error}") from error


def config_from_flags() -> CompareConfig:
    """Returns the configuration that the flags describe.

    Raises:
      ConfigError: if a training option is given as a flag, which would be that of no system.
    """
    training_flags.refuse_given(("ask_per",), "name a JSON file of training options among --systems")
    return CompareConfig(
        common_flags.PREPARED_DIR.value,
        _DIRECTORY.value,
        tuple(_SYSTEMS.value),
        _SPLIT.value,
        common_flags.ASK_PER.value,
        tuple(_METRICS.value),
        _NUM_SEEDS.value,
        _HISTORY.value,
    )


def run(config: CompareConfig, before_asking: answering.BeforeAsking = lambda name, seed, split: None) -> dict:
    """Fits, tunes and asks every system, as far as that is not kept already.

    Args:
      config: what is read and written.
      before_asking: called with the name of a system, a seed and the split before the split is looked at.

    Returns:
      The JSON object that is written: what was asked, and `systems`, a list in the given order, each with `name`,
      `kind`, `trained_on_other_data`, `parameters`, `on_validation`, its figures and `minus_first`.

    Raises:
      ConfigError, ArtifactError, PreparedDataError, ModelDirectoryError: if an input cannot be read.
      ArtifactError: if another run works in `comparison_dir`.
      ConfigError: if a system needs more memory than there is, or the data refuse every setting of one.
    """
    found = [systems.find(name, config.history) for name in config.systems]
    data = prepared_data.read_prepared_data(config.prepared_dir)
    _warn_of_other_data(found, data)
    directory = pathlib.Path(config.comparison_dir)
    with directory_lock.hold(directory, "comparison_dir"):
        artifacts.sweep(directory)
        examiner = answering.Examiner(data, config.ask_per, config.metrics[0], directory, before_asking)
        systems.require_memory(
            found,
            data.corpus.num_rows,
            machine.available_memory_bytes(),
            lambda system: examiner.is_answered(system, config.num_seeds, config.split),
        )
        questions = examiner.questions(config.split)
        answered = [examiner.examine(system, config.num_seeds, config.split) for system in found]
        comparison = _comparison(config, data, questions, answered)
        artifacts.write_json(directory / "comparison.json", comparison)
    return comparison


def _warn_of_other_data(found: Sequence[systems.System], data: prepared_data.PreparedData) -> None:
    """Warns of each run anew: answers are kept, and who reads them has not seen the run that made them."""
    for system in found:
        if system.is_of_other_data(data):
            logging.warning(
                "%s was trained on other data than %s: it may have been fitted on what is asked here",
                system.name,
                data.paths.directory,
            )


def _comparison(
    config: CompareConfig,
    data: prepared_data.PreparedData,
    questions: offline_evaluation.Questions,
    answered: list[answering.Answered],
) -> dict:
    """Measures what was answered, and returns the JSON object that is written."""
    with job.stage("Measuring") as counts:
        rows = figures.figures_of(
            [each.answers for each in answered], questions.examples.query_rows, data.training_counts(), config.metrics
        )
        counts.update(systems=len(rows), questions=len(questions.examples))
    return {
        "split": config.split,
        "ask_per": config.ask_per,
        "history_of_baselines": config.history,
        "metrics": list(config.metrics),
        "prepared_data_sha256": data.manifest_sha256,
        "num_candidates": data.corpus.num_rows,
        **questions.counts,
        "systems": [
            {
                "name": each.system.name,
                "kind": each.system.kind,
                "trained_on_other_data": each.system.is_of_other_data(data),
                "parameters": dict(each.parameters),
                "on_validation": list(each.on_validation),
                **row,
            }
            for each, row in zip(answered, rows, strict=True)
        ],
    }


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe, and prints the table."""

    def compare() -> None:
        config = config_from_flags()
        comparison = run(config)
        print(table.table(comparison["systems"], config.metrics))
        logging.info("All figures: %s", pathlib.Path(config.comparison_dir) / "comparison.json")

    job.run_main(compare, argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "comparison_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
