"""What all optimizers for tables must do alike."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tests.tfrs_model.optimizers import steps
from tfrs_model import optimizers

_NUM_ROWS = 1000
_ALL = pytest.mark.parametrize(
    "kind", [optimizers.SparseAdagrad, optimizers.RowWiseAdagrad, optimizers.LazyAdam], ids=lambda kind: kind.__name__
)


def _table():
    return tf.Variable(tf.random.stateless_normal([_NUM_ROWS, 8], [1, 2]), name="table/embeddings")


def _step(optimizer, table, dense=False):
    """Returns a compiled step: look rows up, square, update; inside a loop if it runs many."""

    @tf.function
    def step(rows):
        with tf.GradientTape() as tape:
            looked_up = tf.nn.embedding_lookup(table, rows)
            loss = tf.reduce_sum(tf.square(looked_up))
        (gradient,) = tape.gradient(loss, [table])
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply_gradients([(tf.convert_to_tensor(gradient) if dense else gradient, table)])
        return loss

    return step


@_ALL
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "in TablesAndDense"])
def test_no_op_of_a_step_makes_a_tensor_with_all_rows(kind, wrapped):
    optimizer, table = kind(0.1), _table()
    if wrapped:
        optimizer = optimizers.TablesAndDense(optimizer, tf.keras.optimizers.Adam(), weight_decay=0.1, clip_norm=1.0)
    optimizer.build([table])
    assert steps.whole_tables(_NUM_ROWS, _step(optimizer, table), tf.TensorSpec([None], tf.int64)) == []


@_ALL
def test_no_op_of_an_update_under_a_strategy_copies_a_table_first(kind):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope():
        table = _table()
        optimizer = optimizers.TablesAndDense(kind(0.1), tf.keras.optimizers.Adam(), weight_decay=0.1, clip_norm=1.0)
        optimizer.build([table])

    def update(rows, values):
        optimizer.apply_gradients([(tf.IndexedSlices(values, rows, tf.constant(table.shape.as_list())), table)])

    step = tf.function(lambda *parts: strategy.run(update, parts))
    parts = (tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 8], tf.float32))
    assert steps.whole_tables(_NUM_ROWS, step, *parts) == []


def test_the_search_for_whole_tables_finds_those_of_stock_adam_and_of_keras_zero_decay():
    for optimizer in (tf.keras.optimizers.Adam(), tf.keras.optimizers.Adagrad(weight_decay=0)):
        table = _table()
        optimizer.build([table])
        assert "Mul" in steps.whole_tables(_NUM_ROWS, _step(optimizer, table), tf.TensorSpec([None], tf.int64))


@_ALL
def test_untouched_rows_and_their_state_keep_their_bits(kind):
    table, optimizer = _table(), kind(0.1)
    before, rows = table.numpy(), tf.constant([3, 500, 3, 999], tf.int64)
    step = _step(optimizer, table)
    step(rows)
    state = [variable.numpy() for variable in optimizer.variables[1:] if variable.shape.rank]
    step(rows)
    others = np.setdiff1d(np.arange(_NUM_ROWS), rows)
    assert table.numpy()[others].tobytes() == before[others].tobytes()
    assert (table.numpy()[rows.numpy()] != before[rows.numpy()]).any(axis=1).all()
    after = [variable.numpy() for variable in optimizer.variables[1:] if variable.shape.rank]
    for old, new in zip(state, after, strict=True):
        assert old[others].tobytes() == new[others].tobytes()
        assert (old[rows.numpy()] != new[rows.numpy()]).any()


@_ALL
def test_the_order_in_which_rows_come_does_not_matter(kind):
    # Small whole numbers, so that even the sum of a row's parts has no order.
    values = np.random.default_rng(0).integers(-4, 5, size=[30, 8]).astype(np.float32)
    rows = np.random.default_rng(1).integers(0, 4, 30)
    results = [
        steps.run(kind(0.1), np.ones([4, 8]), [steps.of_rows(rows[order], values[order])] * 3)[-1]
        for order in (np.arange(30), np.random.default_rng(2).permutation(30))
    ]
    np.testing.assert_array_equal(*results)


@_ALL
def test_a_gradient_without_rows_changes_nothing(kind):
    gradient = steps.of_rows([], np.zeros([0, 2]))
    np.testing.assert_array_equal(steps.run(kind(0.1), np.ones([4, 2]), [gradient])[-1], np.ones([4, 2]))


@_ALL
def test_a_row_whose_gradient_is_zero_stays(kind):
    gradient = steps.of_rows([1], [[0.0, 0.0]])
    np.testing.assert_array_equal(steps.run(kind(0.1), np.ones([4, 2]), [gradient] * 2)[-1], np.ones([4, 2]))


@_ALL
def test_its_configuration_makes_an_equal_optimizer(kind):
    optimizer = kind(optimizers.WarmUpSchedule(0.5, "cosine", 2, 9), epsilon=0.25, name="mine")
    written = tf.keras.optimizers.serialize(optimizer)
    again = tf.keras.optimizers.deserialize(json.loads(json.dumps(written)))
    assert type(again) is kind
    assert again.get_config() == optimizer.get_config()
    gradients = [steps.of_rows([1, 3], [[1.0, 2.0], [3.0, 4.0]])] * 3
    paths = [steps.run(each, np.ones([4, 2]), gradients) for each in (optimizer, again)]
    np.testing.assert_array_equal(*paths)


@_ALL
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clipnorm": 1.0}, "takes no clipnorm, but got 1.0: Keras clips before it adds up the parts of a row"),
        ({"global_clipnorm": 1.0}, "takes no global_clipnorm, but got 1.0: Keras clips before"),
        ({"clipvalue": 0.5}, "takes no clipvalue, but got 0.5: Keras clips before"),
        (
            {"weight_decay": 0},
            "takes no weight_decay, but got 0: Keras decays every row of a table at every step; pass",
        ),
        ({"use_ema": True}, "takes no use_ema, but got True: it averages every row of a table at every step; leave"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_pass_over_the_table_or_clip_parts_of_a_row_are_refused(kind, options, sentence):
    with pytest.raises(ValueError, match=f"{kind.__name__} {sentence}"):
        kind(**options)


@_ALL
def test_a_dense_gradient_in_a_graph_moves_as_the_gradient_of_rows(kind):
    rows = tf.constant([3, 500, 3], tf.int64)
    tables = []
    for dense in (False, True):
        table = _table()
        step = _step(kind(0.1), table, dense)
        step(rows)
        step(rows)
        tables.append(table.numpy()[rows.numpy()])
    np.testing.assert_allclose(*tables, rtol=1e-6)
