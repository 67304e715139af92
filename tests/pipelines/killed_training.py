"""Trains with dropout and all else that draws, and dies by SIGKILL at named places, one after another, then ends.

python -m tests.pipelines.killed_training VARIANT PREPARED_DIR MODEL_DIR [PLACE:TIMES ...]

VARIANT is `interactions`, with every kind of sampled negatives, or `windows`, with attention over each position and
the batch's negatives alone;
with `@WARM_START_DIR` behind it the run goes on from the one there. Each run is a fork of a process that has imported
everything and started nothing. At the kill a PLACE is passed for the TIMES-th time.
"""

import pathlib
import shutil
import sys

import tensorflow as tf

from pipelines import model_directory, prepared_data, train, training_config, training_state, warm_start
from tests.pipelines import deaths

_OPTIONS = {
    "embedding_dim": 16,
    "batch_size": 128,
    "num_epochs": 3,
    "early_stop_patience": 0,
    "history_length": 5,
    "dropout": 0.3,
    "num_uniform_negatives": 16,
    "num_corpus_hard_negatives": 8,
    "corpus_refresh_steps": 5,
    "bank_size": 64,
    "bank_warm_up_steps": 4,
    "remove_accidental_hits": True,
}
_VARIANTS = {
    "interactions": {},
    # Without what the other has and draws: it would be traced again for each run.
    "windows": {
        "num_uniform_negatives": 0,
        "num_corpus_hard_negatives": 0,
        "bank_size": 0,
        "every_position": True,
        "history_encoder": "self_attention",
        "history_time_gaps": True,
        "query_id_dropout": 0.2,
        "candidate_id_dropout": 0.2,
        "remove_history": True,
    },
}


def _watch(death: deaths.Death) -> None:
    """Passes a place at each step, in the middle of each write, and after each checkpoint."""
    death.watch_files()
    watch_checkpoints(death)
    read, describe = prepared_data.read_prepared_data, model_directory.write_description

    def watched_read(*arguments: object) -> object:
        data = read(*arguments)
        death.at("data read")
        return data

    def watched_description(*arguments: object) -> None:
        describe(*arguments)
        death.at("description written")

    prepared_data.read_prepared_data, model_directory.write_description = watched_read, watched_description
    training_state.EpochEnd.on_train_batch_end = lambda callback, batch, logs=None: death.at("step")


def watch_checkpoints(death: deaths.Death) -> None:
    """Passes a place in the middle of each checkpoint, and after it."""
    save = tf.train.CheckpointManager.save

    def watched(manager: tf.train.CheckpointManager, **options: int) -> str:
        directory = pathlib.Path(manager.directory)
        before = directory.parent / f"{directory.name}.before"
        if directory.exists():
            shutil.copytree(directory, before)
        written = save(manager, **options)
        death.at(f"half of {directory.name}", lambda: _half_written(directory, before, written))
        shutil.rmtree(before, ignore_errors=True)
        death.at(f"{directory.name} written")
        return written

    tf.train.CheckpointManager.save = watched


def _half_written(directory: pathlib.Path, before: pathlib.Path, written: str) -> None:
    """Leaves the folder as it was before a checkpoint, and the first half of that one's values."""
    values = pathlib.Path(f"{written}.data-00000-of-00001").read_bytes()
    shutil.rmtree(directory)
    if before.exists():
        before.rename(directory)
    directory.mkdir(exist_ok=True)
    pathlib.Path(f"{written}.data-00000-of-00001").write_bytes(values[: len(values) // 2])


def main() -> None:
    variant, prepared_dir, model_dir, *places = sys.argv[1:]
    variant, _, warm_start_dir = variant.partition("@")
    options = training_config.training_config({**_OPTIONS, **_VARIANTS[variant]})
    start = warm_start.WarmStartConfig(warm_start_dir) if warm_start_dir else None
    config = train.TrainJobConfig(prepared_dir, model_dir, options, warm_start=start)
    sys.exit(deaths.run_through(places, _watch, lambda: train.run(config)))


if __name__ == "__main__":
    main()
