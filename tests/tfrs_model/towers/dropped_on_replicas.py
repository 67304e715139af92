"""Prints, for each of two logical devices, which of the same ids its tower took for unknown ones.

python -m tests.tfrs_model.towers.dropped_on_replicas
"""

import json

from tests.tfrs_model import replica_strategies
from tfrs_model import string_embedding, towers  # Before TensorFlow, since it selects Keras 2.

import tensorflow as tf  # isort: skip


def main() -> None:
    """Prints one JSON list of lists of booleans."""
    strategy = replica_strategies.strategy("mirrored")
    ids = tf.constant([f"c{i}" for i in range(400)])
    with strategy.scope():
        table = string_embedding.StringEmbedding([f"c{i}" for i in range(400)], 4)
        tower = towers.CandidateTower(table, embedding_dim=4, id_dropout=0.5)
        known = tower({"candidate_id": ids})
    in_graph = tf.function(lambda: strategy.run(lambda: tower({"candidate_id": ids}, training=True)))
    outputs = strategy.experimental_local_results(in_graph())
    print(json.dumps([tf.reduce_any(tf.abs(each - known) > 1e-4, axis=1).numpy().tolist() for each in outputs]))


if __name__ == "__main__":
    main()
