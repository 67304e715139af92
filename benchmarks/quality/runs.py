"""One variant with one seed: trained, or trained on where it was interrupted, and asked once."""

import functools
import pathlib

from benchmarks import exact_counts, test_split_ledger
from benchmarks.quality import answers, kept_results
from benchmarks.quality.datasets import Dataset
from benchmarks.quality.questions import questions_of
from benchmarks.quality.variants import Variant
from pipelines import (
    job,
    model_directory,
    offline_evaluation,
    prepared_data,
    source_digest,
    train,
    training_config,
)
from pipelines import kept_results as kept
from tfrs_model import two_tower_builder


def run_once(
    dataset: Dataset, variant: Variant, seed: int, prepared_dir: str, directory: pathlib.Path, split: str
) -> kept_results.Result:
    """Returns what a variant answers to a split, from an earlier run if there is one.

    Args:
      dataset: whose protocol is followed.
      variant: what is trained.
      seed: of the training.
      prepared_dir: what it is trained on and asked from.
      directory: where model and results go; both splits of one fit share it.
      split: `validation` or `test`; a look at test is noted before it is taken.
    """
    data = prepared_data.read_prepared_data(prepared_dir)
    origin = {
        **variant.key(),
        "seed": seed,
        "metrics": dataset.metrics,
        "data": data.manifest_sha256,
        "source": source_digest.source_sha256(*kept_results.CODE),
    }

    def make() -> kept_results.Result:
        trained = _train(variant, seed, data, directory, origin)
        if split == "test":
            test_split_ledger.note(dataset.name, variant.name, seed, *kept_results.CODE)
        with job.stage(f"Asking {variant.name}, seed {seed}, for {split}"):
            answered = _ask(dataset, variant, data, directory, split)
        seconds = round(sum(record["seconds"] for record in trained.history), 1)
        about = {"best_epoch": trained.best_epoch, "num_epochs": len(trained.history), "training_seconds": seconds}
        return kept_results.result_of(answered, seed=seed, **about)

    return kept_results.keep(directory, split, origin, make)


def _train(
    variant: Variant, seed: int, data: prepared_data.PreparedData, directory: pathlib.Path, origin: dict
) -> train.TrainResult:
    """Trains in `directory / "model"`; what lies there of another origin is discarded, of the same continued."""
    model_dir = directory / "model"
    kept.continue_or_discard(model_dir, directory / "training.json", origin)
    training = training_config.training_config({**variant.options, "seed": seed})
    build_model = two_tower_builder.build_two_tower
    if variant.knows_counts:
        counts = exact_counts.ExactCounts(data.candidate_ids, data.training_counts(), training.batch_size)
        build_model = functools.partial(build_model, streaming_frequency=counts)
    return train.run(train.TrainJobConfig(str(data.paths.directory), str(model_dir), training), build_model)


def _ask(
    dataset: Dataset, variant: Variant, data: prepared_data.PreparedData, directory: pathlib.Path, split: str
) -> dict[str, answers.Answers]:
    model_dir = directory / "model"
    checkpoint_name = model_directory.best_checkpoint_name(model_dir)
    embedder = offline_evaluation.Embedder.of_directory(model_dir, checkpoint_name, data)
    corpus, is_known = embedder.corpus(), data.training_counts() > 0
    return {
        name: answers.by_embeddings(questions, embedder.queries(questions.examples), corpus, is_known, dataset.metrics)
        for name, questions in questions_of(dataset, data, split).items()
    }
