import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import model_config, optimizers, two_tower_builder


@pytest.mark.parametrize(
    ("name", "tables", "dense"),
    [
        ("adam", "Adam", "Adam"),
        ("adagrad", "SparseAdagrad", "Adagrad"),
        ("lazy_adam", "LazyAdam", "Adam"),
        ("row_wise_adagrad", "RowWiseAdagrad", "Adagrad"),
    ],
)
def test_each_name_stands_for_its_two_optimizers(name, tables, dense):
    optimizer = optimizers.build_optimizer(optimizers.OptimizerConfig(name))
    assert (type(optimizer.tables).__name__, type(optimizer.dense).__name__) == (tables, dense)


@pytest.mark.parametrize("name", ["adam", "adagrad"])
def test_the_names_of_keras_give_the_numbers_of_keras(name):
    stock = {"adam": tf.keras.optimizers.Adam, "adagrad": tf.keras.optimizers.Adagrad}[name](0.1)
    gradients = [steps.of_rows([1, 3, 1], [[1.0], [2.0], [0.5]]), steps.of_rows([2], [[1.0]])]
    optimizer = optimizers.build_optimizer(optimizers.OptimizerConfig(name, 0.1))
    expected = steps.run(stock, tf.ones([4, 1]), gradients)
    for actual, each in zip(steps.run(optimizer, tf.ones([4, 1]), gradients), expected, strict=True):
        assert actual.tobytes() == each.tobytes()


def test_the_tables_rate_is_the_common_one_unless_it_is_given():
    for given, expected in ((None, 0.25), (0.5, 0.5)):
        optimizer = optimizers.build_optimizer(optimizers.OptimizerConfig("lazy_adam", 0.25, given))
        assert (float(optimizer.tables.learning_rate), float(optimizer.dense.learning_rate)) == (expected, 0.25)


def test_a_schedule_moves_both_rates_together():
    config = optimizers.OptimizerConfig("adagrad", 1.0, 4.0, schedule="inverse_sqrt", warm_up_steps=2)
    optimizer = optimizers.build_optimizer(config)
    variable = tf.Variable(tf.zeros([4, 1]), name="embeddings")
    rates = []
    for _ in range(8):
        optimizer.apply_gradients([(steps.of_rows([1], [[1.0]]), variable)])
        rates.append((float(optimizer.tables.learning_rate), float(optimizer.dense.learning_rate)))
    # By hand: 1/2, 1, and at the eighth step sqrt(2/8) = 1/2.
    assert [*rates[:2], rates[7]] == [(2.0, 0.5), (4.0, 1.0), (2.0, 0.5)]


@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_a_whole_training_step_makes_no_tensor_with_all_rows_of_a_table_except_under_adam(name):
    inputs = model_config.ModelInputs(tuple(f"q{i}" for i in range(495)), tuple(f"c{i}" for i in range(495)))
    model = two_tower_builder.build_two_tower(
        model_config.ModelConfig(embedding_dim=4, history_length=5), inputs, seed=0
    )
    model.compile(optimizers.build_optimizer(optimizers.OptimizerConfig(name, weight_decay=0.1, clip_norm=1.0)))
    batch = {
        "query": {"query_id": tf.constant(["q1", "q1"]), "history": tf.constant([["c1", "c2"], ["", "c1"]])},
        "candidate": {"candidate_id": tf.constant(["c1", "new"])},
        "weight": tf.ones([2]),
    }
    # Each table has a row for the empty string and one for unknown ids.
    found = steps.whole_tables(497, tf.function(model.train_step), batch)
    assert ("Mul" in found) if name == "adam" else (found == [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"optimizer": "sgd"}, "optimizer must be one of adam, adagrad, lazy_adam, row_wise_adagrad, but is 'sgd'."),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0 and finite, but is nan."),
        ({"learning_rate": 0.0}, "learning_rate must be > 0 and finite, but is 0.0."),
        (
            {"table_learning_rate": 0.0},
            "table_learning_rate must be > 0 and finite, or left out to be the learning_rate",
        ),
        ({"weight_decay": -0.1}, "weight_decay must be >= 0 and finite, but is -0.1."),
        ({"clip_norm": float("inf")}, "clip_norm must be >= 0 and finite, 0 for no clipping, but is inf."),
        ({"schedule": "linear"}, "schedule must be one of constant, inverse_sqrt, cosine, but is 'linear'."),
        ({"warm_up_steps": -1}, "warm_up_steps must be >= 0 with schedule constant, but is -1."),
        ({"schedule": "inverse_sqrt"}, "warm_up_steps must be >= 1 with schedule inverse_sqrt, but is 0."),
        (
            {"schedule": "cosine", "warm_up_steps": 7, "decay_steps": 7},
            "schedule cosine needs decay_steps above its warm_up_steps, 7, but it is 7.",
        ),
        ({"decay_steps": 7}, "decay_steps is 7, but only schedule cosine reads it, and schedule is constant; leave"),
    ],
)
def test_values_out_of_range_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(optimizers.OptimizerConfigError, match=sentence):
        optimizers.OptimizerConfig(**options)
