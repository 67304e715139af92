import json

import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import optimizers

_SGD = tf.keras.optimizers.SGD


def _pair(**options):
    return optimizers.TablesAndDense(_SGD(0.5), _SGD(0.25), **options)


def _variables():
    """Returns a table and a dense layer's kernel and bias."""
    return [
        tf.Variable([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]], name="query_id/table/embeddings"),
        tf.Variable([[8.0], [16.0]], name="projection/kernel"),
        tf.Variable([32.0], name="projection/bias"),
    ]


def _gradients():
    """Returns gradients whose rows repeat; added up the table's is [[3, 0], [0, 4]], of norm 5, the others' norm 12."""
    table = steps.of_rows([2, 0, 2], [[0.0, 1.0], [3.0, 0.0], [0.0, 3.0]], num_rows=3)
    return [table, tf.constant([[12.0], [0.0]]), tf.constant([0.0])]


def _after_one_step(optimizer):
    variables = _variables()
    optimizer.apply_gradients(zip(_gradients(), variables, strict=True))
    return [variable.numpy() for variable in variables]


def test_tables_and_dense_layers_move_at_their_own_rates():
    table, kernel, bias = _after_one_step(_pair())
    np.testing.assert_allclose(table, [[1.0 - 1.5, 1.0], [2.0, 2.0], [4.0, 4.0 - 2.0]])
    np.testing.assert_allclose(kernel, [[8.0 - 3.0], [16.0]])
    np.testing.assert_allclose(bias, [32.0])


def test_clipping_scales_all_gradients_by_the_norm_of_the_sums():
    # sqrt(9 + 16 + 144) = 13. With the parts [0, 1] and [0, 3] of row 2 unadded it would be sqrt(163).
    table, kernel, _ = _after_one_step(_pair(clip_norm=6.5))
    np.testing.assert_allclose(table, [[1.0 - 0.75, 1.0], [2.0, 2.0], [4.0, 4.0 - 1.0]], rtol=1e-6)
    np.testing.assert_allclose(kernel, [[8.0 - 1.5], [16.0]], rtol=1e-6)


def test_gradients_below_the_largest_norm_keep_their_bits():
    for clipped, plain in zip(_after_one_step(_pair(clip_norm=13.1)), _after_one_step(_pair()), strict=True):
        np.testing.assert_array_equal(clipped, plain)


def test_a_gradient_that_is_not_finite_spoils_all_weights_when_clipped():
    variables = _variables()
    gradients = [*_gradients()[:2], tf.constant([np.inf])]
    _pair(clip_norm=1.0).apply_gradients(zip(gradients, variables, strict=True))
    assert np.isnan(variables[1].numpy()).all()


def test_decay_shrinks_touched_rows_once_and_matrices_but_no_bias():
    table, kernel, bias = _after_one_step(_pair(weight_decay=0.1))
    # Rate .5 times .1 takes a twentieth of rows 0 and 2, rate .25 a fortieth of the kernel; then gradients as above.
    np.testing.assert_allclose(table, [[0.95 - 1.5, 0.95], [2.0, 2.0], [3.8, 3.8 - 2.0]], rtol=1e-6)
    np.testing.assert_allclose(kernel, [[7.8 - 3.0], [15.6]], rtol=1e-6)
    np.testing.assert_array_equal(bias, [32.0])


def test_a_table_with_a_dense_gradient_decays_everywhere():
    variables = _variables()
    gradients = [steps.as_dense(_gradients()[0]), *_gradients()[1:]]
    _pair(weight_decay=0.1).apply_gradients(zip(gradients, variables, strict=True))
    np.testing.assert_allclose(variables[0][1], [1.9, 1.9], rtol=1e-6)


def test_decay_follows_the_schedule_of_the_rate():
    rate = optimizers.WarmUpSchedule(1.0, "constant", 4)
    optimizer = optimizers.TablesAndDense(_SGD(rate), _SGD(1.0), weight_decay=0.2)
    zero = steps.of_rows([0], [[0.0]])
    path = np.stack(steps.run(optimizer, np.ones([4, 1]), [zero] * 5))[:, 0, 0]
    np.testing.assert_allclose(path, np.cumprod([0.95, 0.9, 0.85, 0.8, 0.8]), rtol=1e-5)


def test_with_one_stock_optimizer_for_both_it_has_the_bits_of_that_optimizer():
    for stock in (tf.keras.optimizers.Adam, tf.keras.optimizers.Adagrad):
        both, alone = _variables(), _variables()
        optimizer, expected = optimizers.TablesAndDense(stock(0.1), stock(0.1)), stock(0.1)
        for _ in range(3):
            optimizer.apply_gradients(zip(_gradients(), both, strict=True))
            expected.apply_gradients(zip(_gradients(), alone, strict=True))
        assert steps.bits(both) == steps.bits(alone)


def _model(seed=0):
    def normal(part):
        return tf.keras.initializers.RandomNormal(stddev=0.5, seed=10 * seed + part)

    return tf.keras.Sequential(
        [
            tf.keras.layers.Embedding(20, 4, input_length=3, embeddings_initializer=normal(0)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(1, kernel_initializer=normal(1)),
        ]
    )


def _compiled(config, seed=0):
    model = _model(seed)
    model.compile(optimizer=optimizers.build_optimizer(config), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(model, epochs, **options):
    features = np.random.default_rng(0).integers(0, 20, size=[32, 3])
    return model.fit(features, features.sum(axis=1), 8, epochs, shuffle=False, verbose=0, **options).history["loss"]


_CONFIGS = [optimizers.OptimizerConfig(name, 0.05, 0.1, 0.01, 5.0, "cosine", 3, 100) for name in optimizers.OPTIMIZERS]
_ALL = pytest.mark.parametrize("config", _CONFIGS, ids=optimizers.OPTIMIZERS)


@_ALL
def test_fit_learns_and_a_restored_run_continues_with_the_same_bits(config, tmp_path):
    undisturbed = _compiled(config)
    losses = _fit(undisturbed, 6)
    assert losses[-1] < losses[0]
    model = _compiled(config)
    _fit(model, 3)
    saved = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(str(tmp_path / "ckpt"))
    resumed = _compiled(config, seed=1)
    tf.train.Checkpoint(model=resumed, optimizer=resumed.optimizer).restore(saved).assert_consumed()
    assert _fit(resumed, 6, initial_epoch=3) == losses[3:]
    assert steps.bits(resumed.variables) == steps.bits(undisturbed.variables)
    assert steps.bits(resumed.optimizer.variables) == steps.bits(undisturbed.optimizer.variables)
    assert int(resumed.optimizer.iterations) == 24


@_ALL
def test_its_configuration_makes_an_equal_optimizer(config):
    written = json.dumps(tf.keras.optimizers.serialize(_compiled(config).optimizer))
    again = tf.keras.optimizers.deserialize(json.loads(written))
    assert json.dumps(tf.keras.optimizers.serialize(again)) == written
    model = _model()
    model.compile(optimizer=again, loss="mse")
    assert _fit(model, 2) == _fit(_compiled(config), 2)


def test_its_variables_hold_the_slots_of_both():
    model = _compiled(optimizers.OptimizerConfig("row_wise_adagrad"))
    # The counter, a number for each of 20 rows and its rate; the rate of the dense part and its two accumulators.
    shapes = [tuple(variable.shape) for variable in model.optimizer.variables if variable.shape.rank]
    assert shapes == [(20,), (12, 1), (1,)]
    assert model.optimizer.variables[0] is model.optimizer.iterations


def test_a_table_is_what_keras_calls_embeddings_unless_told_otherwise():
    layer = tf.keras.layers.Embedding(3, 2)
    layer.build([None])
    dense = tf.keras.layers.Dense(2)
    dense.build([None, 3])
    assert [optimizers.is_embedding_table(each) for each in (*layer.weights, *dense.weights)] == [True, False, False]
    mine = tf.Variable(tf.zeros([3, 2]), name="mine")
    optimizer = _pair(is_table=lambda variable: variable is mine)
    optimizer.apply_gradients([(steps.of_rows([1], [[2.0, 2.0]], 3), mine)])
    np.testing.assert_allclose(mine[1], [-1.0, -1.0])
    with pytest.raises(ValueError, match=r"is_table, .*lambda.*, cannot be written into a configuration; decorate"):
        optimizer.get_config()


def test_rows_of_what_is_no_table_are_refused_with_a_sentence():
    bank = tf.Variable(tf.zeros([3, 2]), name="bank")
    with pytest.raises(ValueError, match="bank:0 has a gradient of rows, but is_embedding_table says that it is no ta"):
        _pair().apply_gradients([(steps.of_rows([1], [[2.0, 2.0]], 3), bank)])


def test_a_table_with_a_constraint_is_refused_with_a_sentence():
    layer = tf.keras.layers.Embedding(3, 2, embeddings_constraint="unit_norm")
    layer.build([None])
    with pytest.raises(ValueError, match=r"Table .*embeddings:0 has a constraint, which Keras would apply to every"):
        _pair().build(layer.trainable_weights)


@pytest.mark.parametrize("option", ["clipnorm", "global_clipnorm", "clipvalue", "weight_decay"])
def test_an_optimizer_that_clips_or_decays_by_itself_is_refused(option):
    with pytest.raises(ValueError, match=f"Optimizer 'SGD' for dense takes no {option}, but got 0.5"):
        optimizers.TablesAndDense(_SGD(), _SGD(**{option: 0.5}))


def test_values_out_of_range_and_one_optimizer_for_both_are_refused():
    with pytest.raises(ValueError, match=r"weight_decay of TablesAndDense must be >= 0 and finite, but is -1\.0"):
        _pair(weight_decay=-1.0)
    with pytest.raises(ValueError, match="clip_norm of TablesAndDense must be >= 0 and finite, but is nan"):
        _pair(clip_norm=float("nan"))
    both = _SGD()
    with pytest.raises(ValueError, match="tables and dense must be two optimizers, but are one object"):
        optimizers.TablesAndDense(both, both)


def test_an_optimizer_that_was_used_before_is_refused():
    used = _SGD()
    steps.run(used, [1.0], [tf.constant([1.0])])
    with pytest.raises(RuntimeError, match="Cannot set `iterations`"):
        optimizers.TablesAndDense(used, _SGD())


def test_there_is_no_single_learning_rate_to_read_or_to_set():
    optimizer = _pair()
    with pytest.raises(AttributeError, match=r"two learning rates; use \.tables\.learning_rate and \.dense\.learning"):
        _ = optimizer.learning_rate
    model = _model()
    model.compile(optimizer=optimizer, loss="mse")
    with pytest.raises((AttributeError, ValueError), match="lr"):
        _fit(model, 1, callbacks=[tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)])
    optimizer.tables.learning_rate = 0.125
    assert float(optimizer.tables.learning_rate) == 0.125


def test_slots_of_a_table_are_told_from_those_of_another():
    tables = [tf.Variable(tf.ones([rows, 2]), name=f"{rows}/embeddings") for rows in (3, 5)]
    optimizer = optimizers.TablesAndDense(tf.keras.optimizers.Adam(), _SGD(0.25))
    optimizer.build([tables[0], tf.Variable([[8.0]], name="projection/kernel"), tables[1]])
    # Adam has two moments.
    assert [[each.shape[0] for each in optimizer.slots_of(table)] for table in tables] == [[3, 3], [5, 5]]


def test_an_optimizer_whose_state_is_not_of_rows_is_refused():
    table = tf.Variable(tf.ones([3, 2]), name="embeddings")
    adafactor = tf.keras.optimizers.Adafactor()
    optimizer = optimizers.TablesAndDense(adafactor, _SGD(0.25))
    optimizer.build([table])
    with pytest.raises(ValueError, match="the state of a row cannot be told"):
        optimizer.slots_of(table)
