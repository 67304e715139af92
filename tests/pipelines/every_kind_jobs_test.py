"""The example of the documentation, a feature of every kind, through training, evaluation, export and the server."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from pipelines import (
    evaluate,
    export,
    feeding,
    local_server,
    model_directory,
    prepare_data,
    prepared_data,
    train,
    training_config,
)
from serving import client
from tests.pipelines import every_kind_log

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


@pytest.fixture(scope="module", params=_ENCODERS)
def made(tmp_path_factory, request):
    """Directory of prepared data, a model and an export in the folder `served/shop`."""
    root = tmp_path_factory.mktemp("jobs")
    options = {**_OPTIONS, "history_encoder": request.param.split()[0], **_ENCODERS[request.param]}
    prepare_data.run(every_kind_log.config(root))
    prepared, model = str(root / "prepared"), str(root / "model")
    train.run(train.TrainJobConfig(prepared, model, training_config.training_config(options)))
    evaluate.run(evaluate.EvaluateConfig(prepared, model, str(root / "evaluation.json")))
    export.run(export.ExportConfig(prepared, model, str(root / "served" / "shop"), "brute_force", 2))
    return root


@pytest.fixture(scope="module")
def held_out(made):
    """The query inputs of the test rows."""
    data = prepared_data.read_prepared_data(made / "prepared")
    tower = _query_tower(made)
    reads = (tower.reads_history_timestamps, tower.reads_moment)
    return next(iter(feeding.Feeder(data, 3, *reads).query_batches(data.examples("test"), 3)))


def _query_tower(made):
    model_dir = str(made / "model")
    return model_directory.restore_model(model_dir, model_directory.best_checkpoint_name(model_dir)).query_tower


def test_the_export_embeds_prepared_rows_as_the_restored_tower_does(made, held_out):
    function = tf.saved_model.load(str(made / "served" / "shop" / "1")).signatures["embed_query"]
    specs = function.structured_input_signature[1]
    assert {spec.dtype for spec in specs.values()} == {tf.string, tf.float32, tf.int64}
    assert set(specs) == set(held_out)
    np.testing.assert_allclose(function(**held_out)["embedding"], _query_tower(made)(held_out), atol=1e-6)


def test_prepared_rows_as_json_reach_the_server_over_both_protocols(made, held_out):
    expected = _query_tower(made)(held_out)
    inputs = feeding.as_json(held_out)
    with local_server.serve("shop", pathlib.Path(made / "served" / "shop"), made / "server.log") as server:
        for asked in (client.RestClient(server.rest_url), client.GrpcClient(server.grpc_target)):
            with asked:
                embedding = asked.predict("shop", inputs, "embed_query")["embedding"]
            np.testing.assert_allclose(embedding, expected, atol=1e-6)
