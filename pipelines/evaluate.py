"""Measures a trained model on held-out interactions, over the full corpus, beside the popularity baseline.

    python -m pipelines.evaluate --prepared_dir=prepared --model_dir=model --evaluation_path=evaluation.json

With `--other_model_dir` a second model answers the same questions, and how much better the first one is comes with
an interval and a p-value. With `--version_dir` an export of the model answers them too, and it is said what its index
loses. `--slice_columns` names columns by whose values the figures are shown as well.
"""

import dataclasses
import pathlib
from collections.abc import Callable

from absl import app, flags, logging

from pipelines import (
    answered_questions,
    artifacts,
    common_flags,
    encoding,
    feeding,
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    progress,
    question_groupings,
    served_answers,
    source_digest,
)
from serving import manifest

flags.declare_key_flag("prepared_dir")
flags.declare_key_flag("model_dir")
flags.declare_key_flag("ask_per")
_SPLIT = flags.DEFINE_enum(
    "evaluation_split", "test", ("validation", "test"), "Which held-out interactions are asked for."
)
_PATH = flags.DEFINE_string("evaluation_path", None, "JSON file to write.")
_OTHER_MODEL_DIR = flags.DEFINE_string("other_model_dir", None, "Directory of a model to compare --model_dir with.")
flags.declare_key_flag("version_dir")
_SLICE_COLUMNS = flags.DEFINE_list(
    "slice_columns", [], "Columns of queries, candidates or the moment to show the figures by, value by value."
)


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What the job reads and writes.

    Attributes:
      prepared_dir: directory that `prepare_data` published.
      model_dir: directory that `train` wrote.
      evaluation_path: JSON file to write, or empty for none.
      split: `validation` or `test`.
      ask_per: `interaction`, each a question of its own, or `query`, each asked once for all it chose in the split.
      other_model_dir: directory of a second model, or empty for none.
      version_dir: folder of an exported version of the model, or empty for none.
      slice_columns: columns of queries, candidates or the moment.
    """

    prepared_dir: str
    model_dir: str
    evaluation_path: str = ""
    split: str = "test"
    ask_per: str = "interaction"
    other_model_dir: str = ""
    version_dir: str = ""
    slice_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("prepared_dir", "model_dir"):
            if not getattr(self, name):
                raise job.ConfigError(f"--{name} must name a directory, but is empty.")
        offline_evaluation.require_ask_per(self.ask_per)


def config_from_flags() -> EvaluateConfig:
    """Returns the configuration that the flags describe."""
    return EvaluateConfig(
        common_flags.PREPARED_DIR.value,
        common_flags.MODEL_DIR.value,
        _PATH.value or "",
        _SPLIT.value,
        common_flags.ASK_PER.value,
        _OTHER_MODEL_DIR.value or "",
        common_flags.VERSION_DIR.value or "",
        tuple(_SLICE_COLUMNS.value),
    )


def run(config: EvaluateConfig, before_asking: Callable[[], None] = lambda: None) -> dict:
    """Ranks the corpus for every held-out interaction, or every query that has some, by the model and by popularity.

    Args:
      config: what is read and written.
      before_asking: called before the split is looked at, unless the evaluation is there already.

    Returns:
      The JSON object that is written: what was asked, counts, and `model` and `popularity` with accuracy, coverage
      and popularity bias each; `intervals` of the accuracy of both; `differences` of the model to popularity, and to
      the other model if there is one; `slices` of each; `index`, if there is an export; `trained_on_other_data` names
      the models that may have been fitted on what is asked. `reused` says whether the file already held this
      evaluation.

    Raises:
      ArtifactError, PreparedDataError, ModelDirectoryError, ManifestError: if an input cannot be read.
      ConfigError: if a column cannot be grouped by, or the export is of another model.
    """
    data = prepared_data.read_prepared_data(config.prepared_dir)
    origin = _origin(config, data)
    if (existing := _existing(config.evaluation_path)) and origin.items() <= existing.items():
        logging.info("%s is this evaluation already", config.evaluation_path)
        return {**existing, "reused": True}
    on_other_data = _trained_on_other_data(config, data)
    before_asking()
    questions = offline_evaluation.require_questions(data, config.split, config.ask_per)
    question_groupings.require_columns(data, questions, config.slice_columns)
    with job.stage(f"Evaluating on {config.split}") as stage:
        answered = _answers(config, data, questions, origin)
        stage.update({name.removeprefix("num_").replace("_", " "): number for name, number in questions.counts.items()})
        stage.update(candidates=data.corpus.num_rows)
    with job.stage("Drawing questions for intervals"):
        evaluation = {
            **origin,
            **questions.counts,
            "num_candidates": data.corpus.num_rows,
            "trained_on_other_data": on_other_data,
            **{name: each.figures() for name, each in answered.items()},
            "intervals": {name: each.intervals() for name, each in answered.items()},
            "differences": {
                name: answered["model"].difference(each) for name, each in answered.items() if name != "model"
            },
            "slices": _slices(config, data, questions, answered),
        }
    if config.version_dir:
        feeder = feeding.Feeder.for_model(data, model_directory.read_description(config.model_dir).config)
        with job.stage("Asking the export"):
            evaluation["index"] = served_answers.index_loss(
                config.version_dir, data, feeder, questions, answered["model"].ranked
            )
    for name in answered:
        logging.info("%s: %s", name, _headline(evaluation[name]))
    if config.evaluation_path:
        pathlib.Path(config.evaluation_path).parent.mkdir(parents=True, exist_ok=True)
        artifacts.write_json(config.evaluation_path, evaluation)
    return {**evaluation, "reused": False}


def _origin(config: EvaluateConfig, data: prepared_data.PreparedData) -> dict:
    """Returns what an evaluation is of, `None` for what it has not; two of equal origin have equal figures."""
    asked = {"split": config.split, "ask_per": config.ask_per, "slice_columns": list(config.slice_columns)}
    model = _origin_of_model(config.model_dir, data)
    other = _origin_of_model(config.other_model_dir, data)
    return {
        **asked,
        **model,
        **{f"other_{name}": value for name, value in other.items()},
        "version_sha256": _version_sha256(config.version_dir, model["model_stamp"]),
        "prepared_data_sha256": data.manifest_sha256,
        "source_sha256": source_digest.source_sha256("tfrs_model", "pipelines"),
    }


def _origin_of_model(model_dir: str, data: prepared_data.PreparedData) -> dict:
    if not model_dir:
        return {"model_stamp": None, "best_checkpoint": None}
    model_directory.require_schema(model_dir, data)
    return {
        "model_stamp": model_directory.read_description(model_dir).stamp,
        "best_checkpoint": model_directory.best_checkpoint_name(model_dir),
    }


def _version_sha256(version_dir: str, model_stamp: str) -> str | None:
    if not version_dir:
        return None
    served_answers.require_export_of(version_dir, model_stamp)
    return artifacts.sha256_of_json(manifest.read_manifest(version_dir))


def _trained_on_other_data(config: EvaluateConfig, data: prepared_data.PreparedData) -> list[str]:
    """Returns which of the models were trained on other data than that of the questions, and warns of them."""
    model_dirs = {"model": config.model_dir, "other_model": config.other_model_dir}
    found = [name for name, each in model_dirs.items() if each and not model_directory.was_trained_on(each, data)]
    for name in found:
        logging.warning(
            "%s was trained on other data than %s: it may have been fitted on what is asked here",
            model_dirs[name],
            data.paths.directory,
        )
    return found


def _answers(
    config: EvaluateConfig, data: prepared_data.PreparedData, questions: offline_evaluation.Questions, origin: dict
) -> dict[str, answered_questions.AnsweredQuestions]:
    """Returns the answers of the model, of popularity, and of the other model if there is one.

    The towers are those of the checkpoints that the origin names, whatever a training has made the best meanwhile.
    """
    counts = data.training_counts()

    def by_model(model_dir: str, checkpoint_name: str) -> answered_questions.AnsweredQuestions:
        embedder = offline_evaluation.Embedder.of_directory(model_dir, checkpoint_name, data)
        queries, corpus = encoding.encode(embedder, data, questions.examples)
        with progress.progress_bar(len(queries), "Ranking", "question") as bar:
            ranked = questions.rank(queries, corpus, bar.update)
        return answered_questions.AnsweredQuestions(questions, ranked, counts, corpus)

    popularity = offline_evaluation.rank_by_popularity(questions, counts)
    answered = {
        "model": by_model(config.model_dir, origin["best_checkpoint"]),
        "popularity": answered_questions.AnsweredQuestions(questions, popularity, counts),
    }
    if config.other_model_dir:
        answered["other_model"] = by_model(config.other_model_dir, origin["other_best_checkpoint"])
    return answered


def _slices(
    config: EvaluateConfig,
    data: prepared_data.PreparedData,
    questions: offline_evaluation.Questions,
    answered: dict[str, answered_questions.AnsweredQuestions],
) -> dict[str, list[dict]]:
    """Returns the slices of each of those who answered; the same groups in the same order."""
    by_question = question_groupings.of_questions(data, questions, config.slice_columns)
    by_target = question_groupings.of_targets(data, questions, config.slice_columns)
    return {name: each.slices(by_question, by_target) for name, each in answered.items()}


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
