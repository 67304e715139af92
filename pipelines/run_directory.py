"""The directory of a training run: described before anything is trained, and refused to any other run."""

import os
import shutil

from absl import logging

from pipelines import job, learned_data, model_directory, prepared_data, training_config, warm_start
from pipelines.examples import Examples


def open_run(
    model_dir: str | os.PathLike[str],
    training: training_config.TrainingConfig,
    data: prepared_data.PreparedData,
    examples: Examples,
    start: warm_start.WarmStart | None,
    resume: bool,
) -> tuple[str, dict]:
    """Writes the description of a new run, or checks that the one there is of the same run.

    Args:
      model_dir: directory of the run, made if there is none.
      training: the options of the run.
      data: what it reads.
      examples: what it is trained on.
      start: from where it goes on; `None` if it starts afresh.
      resume: whether a run that is there may be continued; otherwise it is discarded.

    Returns:
      The stamp of the run, and the numbers of what it has learned of its data, see `learned_data.read_numbers`.

    Raises:
      ModelDirectoryError: if the directory holds another run, or checkpoints without a description.
    """
    paths = model_directory.ModelPaths(model_dir)
    if not resume:
        _discard(paths)
    options, identity = training.shaping_options(), start.identity if start else None
    description = model_directory.ModelDescription(
        training.model, training.seed, options, data.manifest_sha256, identity
    )
    if paths.description.exists():
        _require_same(model_dir, description)
    else:
        _require_no_checkpoints(paths)
        learned = _grown(start, data, examples) if start else learned_data.of_first_day(data, training.model)
        paths.directory.mkdir(parents=True, exist_ok=True)
        model_directory.write_description(model_dir, description, learned)
    return description.stamp, learned_data.read_numbers(paths.description)


def _grown(
    start: warm_start.WarmStart, data: prepared_data.PreparedData, examples: Examples
) -> learned_data.LearnedData:
    with job.stage("Growing vocabularies") as counts:
        learned = start.learned(data, examples)
        counts.update(learned.summary())
    return learned


def _require_same(model_dir: str | os.PathLike[str], description: model_directory.ModelDescription) -> None:
    if model_directory.read_description(model_dir).stamp != description.stamp:
        raise model_directory.ModelDirectoryError(
            f"{model_dir} holds a run with other options, another seed, other data or of other code, which "
            "cannot be continued; choose another --model_dir, or discard that run with --noresume."
        )


def _require_no_checkpoints(paths: model_directory.ModelPaths) -> None:
    if paths.checkpoints.exists():
        raise model_directory.ModelDirectoryError(
            f"{paths.directory} holds checkpoints of a run whose description is gone; discard them with --noresume."
        )


def _discard(paths: model_directory.ModelPaths) -> None:
    """Removes what training wrote and nothing else that may lie in the directory."""
    for path in paths.of_training:
        if path.exists():
            logging.info("Discarding %s (--noresume)", path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
