"""Measures a trained model on held-out interactions, over the full corpus, beside the popularity baseline.

python -m pipelines.evaluate --prepared_dir=prepared --model_dir=model --evaluation_path=evaluation.json
"""

import dataclasses
import pathlib
from collections.abc import Callable

from absl import app, flags, logging

from pipelines import (
    artifacts,
    common_flags,
    feeding,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    source_digest,
)

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.declare_key_flag("ask_per")
_SPLIT = flags.DEFINE_enum(
    "evaluation_split", "test", ("validation", "test"), "Which held-out interactions are asked for."
)
_PATH = flags.DEFINE_string("evaluation_path", None, "JSON file to write.")


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      model_dir: directory that `train` wrote.
      evaluation_path: JSON file to write, or empty for none.
      split: `validation` or `test`.
      ask_per: `interaction`, each a question of its own, or `query`, each asked once for all it chose in the split.
    """

    prepared_dir: str
    model_dir: str
    evaluation_path: str = ""
    split: str = "test"
    ask_per: str = "interaction"

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        if self.ask_per not in offline_evaluation.ASK_PER:
            raise job.ConfigError(
                f"--ask_per must be one of {', '.join(offline_evaluation.ASK_PER)}, but is {self.ask_per!r}."
            )


def config_from_flags() -> EvaluateConfig:
    """Returns the configuration that the flags describe."""
    return EvaluateConfig(
        common_flags.PREPARED_DIR.value,
        common_flags.MODEL_DIR.value,
        _PATH.value or "",
        _SPLIT.value,
        common_flags.ASK_PER.value,
    )


def run(config: EvaluateConfig, before_asking: Callable[[], None] = lambda: None) -> dict:
    """Ranks the corpus for every held-out interaction, or every query that has some, by the model and by popularity.

    Args:
      config: what is read and written.
      before_asking: called before the split is looked at, unless the evaluation is there already.

    Returns:
      The JSON object that is written: what was asked, counts, and `model` and `popularity` with
      recall, NDCG, MRR, coverage and popularity bias each; `reused` says whether
      the file already held this evaluation.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError: if an input cannot be read.
    """
    data = prepared_data.read_prepared_data(config.prepared_dir)
    description = model_directory.read_description(config.model_dir)
    model_directory.require_schema(config.model_dir, data)
    best_checkpoint = model_directory.best_checkpoint_name(config.model_dir)
    origin = {
        "split": config.split,
        "ask_per": config.ask_per,
        "model_stamp": description.stamp,
        "best_checkpoint": best_checkpoint,
        "prepared_data_sha256": data.manifest_sha256,
        "source_sha256": source_digest.source_sha256("tfrs_model", "pipelines"),
    }
    if (existing := _existing(config.evaluation_path)) and origin.items() <= existing.items():
        logging.info("%s is this evaluation already", config.evaluation_path)
        return {**existing, "reused": True}
    before_asking()
    questions = _questions(config, data)
    feeder = feeding.Feeder.for_model(data, description.config)
    embedder = offline_evaluation.Embedder(model_directory.restore_model(config.model_dir, best_checkpoint), feeder)
    counts = data.training_counts()
    with job.stage(f"Evaluating on {config.split}") as stage:
        ranked = offline_evaluation.rank_model(embedder, questions, show_progress=True)
        baseline = offline_evaluation.rank_by_popularity(questions, counts)
        stage.update({name.removeprefix("num_").replace("_", " "): number for name, number in questions.counts.items()})
        stage.update(candidates=data.corpus.num_rows)
    evaluation = {
        **origin,
        **questions.counts,
        "num_candidates": data.corpus.num_rows,
        "model": offline_evaluation.summarize(questions, ranked, counts),
        "popularity": offline_evaluation.summarize(questions, baseline, counts),
    }
    for name in ("model", "popularity"):
        logging.info("%s: %s", name, _headline(evaluation[name]))
    if config.evaluation_path:
        pathlib.Path(config.evaluation_path).parent.mkdir(parents=True, exist_ok=True)
        artifacts.write_json(config.evaluation_path, evaluation)
    return {**evaluation, "reused": False}


def _existing(path: str) -> dict | None:
    """Returns the evaluation that is at the path, if there is one.

    Raises:
      ConfigError: if something else is there, which is not to be overwritten.
    """
    if not path or not pathlib.Path(path).exists():
        return None
    existing = artifacts.read_json(path)
    if not isinstance(existing, dict) or "model_stamp" not in existing:
        raise job.ConfigError(f"--evaluation_path={path} holds something else than an evaluation; name another file.")
    return existing


def _questions(config: EvaluateConfig, data: prepared_data.PreparedData) -> offline_evaluation.Questions:
    questions = offline_evaluation.questions_of(data, config.split, config.ask_per)
    if not len(questions.examples):
        raise prepared_data.PreparedDataError(
            f"Every {config.split} interaction of {config.prepared_dir} repeats a candidate of an earlier split, so "
            "none is left to ask for; prepare the data with another split."
        )
    return questions


def _headline(metrics: dict) -> str:
    names = [name for name in metrics if name.startswith(("recall", "ndcg", "mrr", "coverage"))]
    return ", ".join(f"{name} {metrics[name]:.4f}" for name in names)


def main(argv: list[str]) -> None:
    """Runs the job that the flags describe."""
    job.run_main(lambda: run(config_from_flags()), argv)


def console_main() -> None:
    """Entry point of the console script."""
    flags.mark_flags_as_required(["prepared_dir", "model_dir"])
    app.run(main)


if __name__ == "__main__":
    console_main()
