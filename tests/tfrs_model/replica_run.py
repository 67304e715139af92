"""Trains the two-tower model with everything on, on one replica, two logical devices or two processes.

    python -m tests.tfrs_model.replica_run (one|mirrored|worker) OUTPUT_DIR

Batches are global, so each of two replicas has a half. For each case it writes what `fit` and `evaluate` reported,
the shares of further losses that each replica of this process gets, and its copies of all variables. A worker finds
its peers in the environment variable TF_CONFIG.
"""

import json
import pathlib
import sys

import numpy as np

from tests.tfrs_model import replica_strategies
from tfrs_model import (
    model_config,
    negatives,
    optimizers,
    two_tower_builder,
)  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip

# By correction: candidates, and steps until the index of the hard draws is made anew. An index of more than 1024 has
# to cluster, where one bit of an embedding may change a cluster: it is made once, of the first weights.
_CASES = {"yi2019": (1100, 1000), "corrected2025": (300, 4)}
_QUERY_IDS = tuple(f"q{i}" for i in range(30))
_BATCH_SIZE = 16
# Odd, so that one replica has more than the other.
_SMALL_BATCH_SIZE = 5
# All batches of an execution have one size, since TensorFlow keeps the shapes of its first step's collectives.
_STEPS_PER_EXECUTION = 3
_FITTED = {_BATCH_SIZE: _STEPS_PER_EXECUTION, _SMALL_BATCH_SIZE: _STEPS_PER_EXECUTION}


def _candidate_ids(case: str) -> tuple[str, ...]:
    return tuple(f"c{i}" for i in range(_CASES[case][0]))


def _model(case: str) -> tf.keras.Model:
    config = model_config.ModelConfig(
        embedding_dim=8,
        query_hidden_units=(12,),
        candidate_hidden_units=(12,),
        history_length=4,
        dropout=0.0,
        temperature=0.2,
        learn_temperature=True,
        log_q_correction=case,
        remove_accidental_hits=True,
        remove_history=True,
        num_hard_negatives=20,
        num_uniform_negatives=10,
        num_corpus_hard_negatives=10,
        corpus_refresh_steps=_CASES[case][1],
        bank_size=40,
        bank_warm_up_steps=2,
    )
    ids = tf.constant(_candidate_ids(case))
    corpus = negatives.Corpus(ids, lambda rows: {"candidate_id": tf.gather(ids, rows)})
    model = two_tower_builder.build_two_tower(
        config, model_config.ModelInputs(_QUERY_IDS, _candidate_ids(case)), 0, corpus
    )
    optimizer = optimizers.build_optimizer(optimizers.OptimizerConfig("adagrad", learning_rate=0.3))
    model.compile(optimizer, steps_per_execution=_STEPS_PER_EXECUTION)
    return model


def _batches(case: str, num_of_sizes: dict[int, int], seed: int) -> tf.data.Dataset:
    """Returns so many batches of each size, in this order."""
    parts = [_rows(case, size * number, seed + size).batch(size) for size, number in num_of_sizes.items()]
    return parts[0].concatenate(parts[1])


def _rows(case: str, num_rows: int, seed: int) -> tf.data.Dataset:
    generator = np.random.default_rng(seed)
    ids = np.array(_candidate_ids(case))
    drawn = ids[generator.zipf(1.3, size=[num_rows, 5]) % len(ids)]
    rows = {
        "query": {"query_id": generator.choice(_QUERY_IDS, num_rows), "history": drawn[:, 1:]},
        "candidate": {"candidate_id": drawn[:, 0]},
        "weight": generator.choice([0.5, 1.0, 2.0], num_rows).astype(np.float32),
    }
    return tf.data.Dataset.from_tensor_slices(rows)


def _shares(strategy: tf.distribute.Strategy, model: tf.keras.Model, case: str) -> list[list[float]]:
    """Returns the loss that each batch gives each replica of this process."""
    batches = strategy.experimental_distribute_dataset(_batches(case, {_BATCH_SIZE: 2, _SMALL_BATCH_SIZE: 1}, seed=1))
    in_graph = tf.function(
        lambda batch: strategy.run(lambda each: model.compute_loss(each, training=True), [batch]),
        input_signature=[batches.element_spec],
    )
    return [[float(share) for share in strategy.experimental_local_results(in_graph(batch))] for batch in batches]


def _variables(strategy: tf.distribute.Strategy, model: tf.keras.Model) -> dict[str, np.ndarray]:
    """Returns every copy in this process, as `replica/kind/number/name`; those of metrics are in what is reported."""
    of_metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    kinds = {
        "weight": model.trainable_variables,
        "state": [each for each in model.non_trainable_variables if id(each) not in of_metrics],
        "slot": model.optimizer.variables,
    }
    return {
        f"{replica}/{kind}/{number}/{variable.name.split(':')[0]}": copy.numpy()
        for kind, variables in kinds.items()
        for number, variable in enumerate(variables)
        for replica, copy in enumerate(strategy.experimental_local_results(variable))
    }


def _train(strategy: tf.distribute.Strategy, case: str, path: pathlib.Path) -> None:
    with strategy.scope():
        model = _model(case)
        # Makes the variables; `fit` can do so too, but then traces its step twice.
        model.compute_loss(next(iter(_batches(case, _FITTED, seed=0))))
        model.optimizer.build(model.trainable_variables)
    np.savez(path / f"{case}.before.npz", **_variables(strategy, model))
    fitted = []
    recorder = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: fitted.append(dict(logs)))
    model.fit(_batches(case, _FITTED, seed=0), verbose=0, callbacks=[recorder])
    evaluated = model.evaluate(_batches(case, _FITTED, seed=2), verbose=0, return_dict=True)
    losses = {"fitted": fitted, "evaluated": evaluated, "shares": _shares(strategy, model, case)}
    (path / f"{case}.json").write_text(json.dumps(losses, default=float))
    np.savez(path / f"{case}.npz", **_variables(strategy, model))


def main(mode: str, path: str) -> None:
    """Trains once per case."""
    # The default, under which Keras trains without any strategy, is what two replicas must equal.
    strategy = tf.distribute.get_strategy() if mode == "one" else replica_strategies.strategy(mode)
    for case in _CASES:
        _train(strategy, case, pathlib.Path(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
