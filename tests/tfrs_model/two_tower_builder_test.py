import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tests import every_kind
from tfrs_model import features, model_config, optimizers, two_tower_builder

_CONFIG = model_config.ModelConfig(
    embedding_dim=8, query_hidden_units=(12,), history_length=2, dropout=0.0, num_oov_buckets=2
)


def _model(seed=0, **options):
    config = dataclasses.replace(_CONFIG, **options)
    model = two_tower_builder.build_two_tower(config, every_kind.model_inputs(), seed)
    model.compute_loss(every_kind.batch())
    return model


def _tables(layer):
    """Returns the shapes of the distinct embedding tables of a layer."""
    found = {id(each): each for each in layer.trainable_variables if "embeddings" in each.name}
    return sorted(tuple(each.shape) for each in found.values())


def test_features_of_one_table_name_have_one_table_in_both_towers():
    model = _model()
    # Rows for the empty string, 2 for unknown ids (1 in tables of features), and the known: 2 queries, 3 candidates,
    # 2 places; then segment, tastes, age, price and the words of motto and search; then brand, size and label.
    shared = [(1 + 2 + 2, 8), (1 + 2 + 3, 8), (1 + 1 + 2, 3)]
    query = [(1 + 7, 4), (1 + 1 + 2, 5), (1 + 4, 2), (1 + 3, 2), (1 + 50, 6)]
    candidate = [(1 + 5, 16), (1 + 2, 16), (1 + 40, 16)]
    assert _tables(model.query_tower) == sorted(shared + query)
    assert _tables(model.candidate_tower) == sorted(shared + candidate)
    assert _tables(model) == sorted(shared + query + candidate)


def test_a_shared_table_moves_for_both_towers_in_one_step():
    model = _model()
    before = model.candidate_tower(every_kind.candidates()).numpy()
    batch = every_kind.batch()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.query_tower(batch["query"]) * tf.range(8, dtype=tf.float32))
    variables = model.query_tower.trainable_variables
    tf.keras.optimizers.SGD(1.0).apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    assert np.abs(model.candidate_tower(batch["candidate"]) - before).max() > 1e-3


def test_without_a_query_id_its_table_still_serves_the_features_that_share_it():
    model = _model(use_query_id=False)
    assert "query_id" not in model.query_tower.input_specs
    assert (5, 8) in _tables(model.candidate_tower)


@pytest.mark.parametrize("shares_history", [True, False])
def test_towers_of_every_kind_come_back_from_their_configuration(shares_history):
    model = _model(share_candidate_embedding=shares_history)
    for tower, inputs in (
        (model.query_tower, every_kind.queries()),
        (model.candidate_tower, every_kind.candidates()),
    ):
        every_kind.randomise(tower)
        copy = tf.keras.layers.deserialize(json.loads(json.dumps(tf.keras.layers.serialize(tower))))
        assert copy.input_specs == tower.input_specs
        copy(inputs)
        assert _tables(copy) == _tables(tower)
        copy.set_weights(tower.get_weights())
        np.testing.assert_array_equal(copy(inputs), tower(inputs))
        assert copy.get_config() == tower.get_config()


def test_a_saved_checkpoint_gives_a_new_model_the_same_embeddings(tmp_path):
    model, other = _model(), _model(seed=5)
    every_kind.randomise(model)
    batch = every_kind.batch()
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
    assert not np.allclose(other.query_tower(batch["query"]), model.query_tower(batch["query"]))
    tf.train.Checkpoint(model=other).read(path).assert_existing_objects_matched()
    np.testing.assert_allclose(other.query_tower(batch["query"]), model.query_tower(batch["query"]), atol=1e-6)
    np.testing.assert_allclose(
        other.candidate_tower(batch["candidate"]), model.candidate_tower(batch["candidate"]), atol=1e-6
    )


def test_towers_of_every_kind_answer_alike_in_a_graph_for_rows_alone_and_together():
    model = _model()
    for tower, inputs in (
        (model.query_tower, every_kind.queries()),
        (model.candidate_tower, every_kind.candidates()),
    ):
        every_kind.randomise(tower)
        graph = tf.function(lambda inputs, tower=tower: tower(inputs), input_signature=[tower.input_specs])
        together = graph(inputs).numpy()
        assert np.isfinite(together).all()
        np.testing.assert_allclose(together, tower(inputs), atol=1e-6)
        for row in range(3):
            alone = graph({name: values[row : row + 1] for name, values in inputs.items()})
            np.testing.assert_allclose(alone[0], together[row], atol=1e-6)
        assert graph({name: values[:0] for name, values in inputs.items()}).shape == [0, 8]
        assert np.isfinite(graph({name: _without_values(values) for name, values in inputs.items()})).all()


def _without_values(values):
    """Returns lists of length 0 where an input is a list."""
    return values[:, :0] if values.shape.rank == 2 else values


def test_a_model_of_every_kind_learns_with_an_optimizer_that_touches_rows_only():
    model = _model(log_q_correction="none", temperature=0.5)
    model.compile(optimizers.build_optimizer(optimizers.OptimizerConfig("lazy_adam", 0.02, weight_decay=1e-4)))
    before = float(model.compute_loss(every_kind.batch()))
    model.fit(tf.data.Dataset.from_tensors(every_kind.batch()).repeat(30), verbose=0)
    assert float(model.compute_loss(every_kind.batch())) < 0.5 * before


def test_features_that_disagree_on_their_table_are_refused_with_both_names():
    one = features.FeatureInput("home", "categorical", 3, ("a",), table="places")
    for other, option in (
        (features.FeatureInput("shop", "categorical", 3, ("b",), table="places"), "vocabulary"),
        (features.FeatureInput("shop", "categorical", 4, ("a",), table="places"), "embedding_dim"),
        (features.FeatureInput("shop", "bucketised", 3, boundaries=(1.0,), table="places"), "kind"),
    ):
        inputs = model_config.ModelInputs(("u",), ("c",), (one,), (other,))
        with pytest.raises(
            ValueError, match=f"'home' and 'shop' share table 'places', so their {option} must be equal"
        ):
            two_tower_builder.build_two_tower(_CONFIG, inputs, 0)
