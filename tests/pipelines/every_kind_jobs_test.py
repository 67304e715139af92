"""The example of the documentation, a feature of every kind, through training, evaluation, export and the server."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pipelines import (
    evaluate,
    export,
    feeding,
    model_directory,
    prepare_data,
    prepared_data,
    train,
    training_config,
)
from tests.pipelines import every_kind_log
from tests.serving import tiny_models
from tfrs_model import towers

pytestmark = pytest.mark.drill

_OPTIONS = {
    "embedding_dim": 8,
    "batch_size": 4,
    "num_epochs": 2,
    "learning_rate": 0.01,
    "history_length": 3,
    "num_uniform_negatives": 2,
}


_ENCODERS = {
    "mean": {"reads_moment": True},
    "recency_weighted_mean": {},
    "gru": {"every_position": True},
    "self_attention": {"every_position": True},
    "self_attention with time gaps": {"every_position": True, "history_time_gaps": True, "reads_moment": True},
}


@pytest.fixture(scope="module")
def prepared_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared")
    prepare_data.run(every_kind_log.config(root))
    return str(root / "prepared")


@dataclasses.dataclass(frozen=True)
class _Made:
    """Folder of exported versions, the query tower of the best epoch, and the query inputs of the test rows."""

    export_dir: pathlib.Path
    query_tower: towers.QueryTower
    held_out: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=_ENCODERS)
def made(tmp_path_factory, prepared_dir, request):
    root = tmp_path_factory.mktemp("jobs")
    options = {**_OPTIONS, "history_encoder": request.param.split()[0], **_ENCODERS[request.param]}
    model_dir, export_dir = str(root / "model"), root / "served"
    train.run(train.TrainJobConfig(prepared_dir, model_dir, training_config.training_config(options)))
    evaluate.run(evaluate.EvaluateConfig(prepared_dir, model_dir, str(root / "evaluation.json")))
    export.run(export.ExportConfig(prepared_dir, model_dir, str(export_dir), "brute_force", 2))
    tower = model_directory.restore_model(model_dir, model_directory.best_checkpoint_name(model_dir)).query_tower
    data = prepared_data.read_prepared_data(prepared_dir)
    feeder = feeding.Feeder(data, 3, tower.reads_history_timestamps, tower.reads_moment)
    return _Made(export_dir, tower, next(iter(feeder.query_batches(data.examples("test"), 3))))


def test_the_export_embeds_prepared_rows_as_the_restored_tower_does(made):
    function = tf.saved_model.load(str(made.export_dir / "1")).signatures["embed_query"]
    specs = function.structured_input_signature[1]
    assert {spec.dtype for spec in specs.values()} == {tf.string, tf.float32, tf.int64}
    assert set(specs) == set(made.held_out)
    embedding = function(**made.held_out)["embedding"]
    np.testing.assert_allclose(embedding, made.query_tower(made.held_out), atol=1e-6)


# Which between them have every input that a tower can read.
@pytest.mark.parametrize("made", ["mean", "self_attention with time gaps"], indirect=True)
def test_prepared_rows_as_json_reach_the_server_over_both_protocols(made):
    expected = made.query_tower(made.held_out)
    inputs = feeding.as_json(made.held_out)
    with tiny_models.running_server(made.export_dir, model_name="shop") as server:
        for protocol in ("rest", "grpc"):
            with tiny_models.connected(protocol, server) as asked:
                embedding = asked.predict("shop", inputs, "embed_query")["embedding"]
            np.testing.assert_allclose(embedding, expected, atol=1e-6)
