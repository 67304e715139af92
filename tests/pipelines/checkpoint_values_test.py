import numpy as np
import pytest
import tensorflow as tf

from pipelines import checkpoint_values, model_directory


class _Learned(tf.Module):
    def __init__(self, rows, names):
        super().__init__()
        self.table = tf.Variable(tf.range(float(rows)))
        self.by_name = {name: tf.Variable(float(len(name))) for name in names}
        self.again = self.table


def _root(rows, names=("a.b/c", "plain")):
    return tf.train.Checkpoint(model=_Learned(rows, names), optimizer=_Learned(2, ()), stamp=tf.Variable("x"))


def test_a_value_is_found_by_its_place_whatever_its_shape_was_and_its_name_is(tmp_path):
    path = _root(5).write(str(tmp_path / "checkpoint"))
    other = _root(3)
    values = checkpoint_values.CheckpointValues(other, path)
    np.testing.assert_array_equal(values.value(other.model.table), [0.0, 1.0, 2.0, 3.0, 4.0])
    assert [float(values.value(each)) for each in other.model.by_name.values()] == [5.0, 5.0]


def test_variables_are_those_of_model_and_optimizer_each_once(tmp_path):
    root = _root(3)
    values = checkpoint_values.CheckpointValues(root, root.write(str(tmp_path / "checkpoint")))
    assert len(values.variables) == 4
    assert {id(each) for each in values.variables} == {
        *(id(each) for each in (root.model.table, root.optimizer.table)),
        *map(id, root.model.by_name.values()),
    }


def test_a_place_that_the_checkpoint_lacks_is_named(tmp_path):
    path = _root(3, ("one",)).write(str(tmp_path / "checkpoint"))
    other = _root(3, ("two",))
    with pytest.raises(model_directory.ModelDirectoryError, match="has no 'model/by_name/two'"):
        checkpoint_values.CheckpointValues(other, path).value(other.model.by_name["two"])


def test_a_checkpoint_that_is_gone_is_refused(tmp_path):
    with pytest.raises(model_directory.ModelDirectoryError, match="is damaged, incomplete or gone"):
        checkpoint_values.CheckpointValues(_root(3), tmp_path / "none")
