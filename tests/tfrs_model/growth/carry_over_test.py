import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from pipelines import checkpoint_values, model_directory
from tfrs_model import features, growth, model_config, negatives, optimizers, two_tower_builder

_OLD_IDS = tuple(f"c{i}" for i in range(12))
# Some go, the others stand elsewhere, and new ones lie between them.
_NEW_IDS = ("n0", "c7", "c3", "n1", "c0", "c1", "c2", "c9", "n2", "c8", "c5", "c6", "n3", "n4")
_OLD_QUERIES = tuple(f"q{i}" for i in range(9))
_NEW_QUERIES = ("q8", "n", "q2", "q0", "q1", "q3", "q4", "q5")
_OLD_GENRES, _NEW_GENRES = ("x", "y", "z"), ("z", "w", "v", "x")
_STAYING = [each for each in _NEW_IDS if each in _OLD_IDS]

_CONFIG = model_config.ModelConfig(
    embedding_dim=8,
    history_length=3,
    dropout=0.3,
    query_id_dropout=0.2,
    candidate_id_dropout=0.2,
    num_oov_buckets=2,
    learn_temperature=True,
    share_candidate_embedding=False,
    num_uniform_negatives=4,
    bank_size=16,
    bank_warm_up_steps=1,
)


def _inputs(query_ids, candidate_ids, genres):
    feature = features.FeatureInput("genre", "categorical", 4, vocabulary=genres)
    return model_config.ModelInputs(query_ids, candidate_ids, (), (feature,))


_OLD, _NEW = _inputs(_OLD_QUERIES, _OLD_IDS, _OLD_GENRES), _inputs(_NEW_QUERIES, _NEW_IDS, _NEW_GENRES)


def _corpus():
    def inputs(rows):
        return {"candidate_id": tf.gather(_STAYING, rows), "genre": tf.gather(["x", "z"], rows % 2)}

    return negatives.Corpus(tf.constant(_STAYING), inputs)


def _model(inputs, optimizer="adam", config=_CONFIG, num_buckets=12):
    config = dataclasses.replace(config, frequency_num_buckets=num_buckets)
    model = two_tower_builder.build_two_tower(config, inputs, seed=5, corpus=_corpus())
    options = optimizers.OptimizerConfig(
        optimizer, 0.05, weight_decay=0.01, clip_norm=0.5, schedule="inverse_sqrt", warm_up_steps=2
    )
    model.compile(optimizer=optimizers.build_optimizer(options), run_eagerly=True)
    model_directory.build_towers(model)
    model.optimizer.build(model.trainable_variables)
    return model


def _batch(step, query_ids, candidate_ids, genres):
    generator = np.random.default_rng(step)

    def draw(values, *shape):
        return tf.constant(generator.choice(values, shape))

    return {
        "query": {"query_id": draw(query_ids, 6), "history": draw([*candidate_ids, ""], 6, 3)},
        "candidate": {"candidate_id": draw(candidate_ids, 6), "genre": draw(genres, 6)},
        "weight": tf.ones([6]),
    }


def _known_batch(step):
    return _batch(step, [each for each in _NEW_QUERIES if each in _OLD_QUERIES], _STAYING, ["x", "z"])


def _root(model):
    return tf.train.Checkpoint(model=model, optimizer=model.optimizer)


def _train(model, num_steps):
    for step in range(num_steps):
        model.train_step(_batch(step, _OLD_QUERIES, _OLD_IDS, _OLD_GENRES))
    return model


def _values(model, path):
    """Writes a model and returns the reader of all that was written."""
    return checkpoint_values.CheckpointValues(_root(model), _root(model).write(str(path / "checkpoint")))


def _grown(old, path, new, new_rows="initial"):
    """Returns the new model with what the old one has learned."""
    _root(old).write(str(path / "old"))
    values = checkpoint_values.CheckpointValues(_root(new), path / "old")
    untrained = two_tower_builder.build_two_tower(_CONFIG, _OLD, seed=5)
    growth.carry_over(new, untrained, values.variables, values.value, new_rows)
    return new


def _id_table(model):
    return next(each for each in model.candidate_tower.submodules if each.name == "candidate_id")


# By the rows of a table before and after: its values, behind the rows of the empty string and of unknown ones.
_BY_ROWS = {
    (15, 17): (3, _OLD_IDS, _NEW_IDS),
    (12, 11): (3, _OLD_QUERIES, _NEW_QUERIES),
    (5, 6): (2, _OLD_GENRES, _NEW_GENRES),
}


def _rows_of_known(old_value, new_value):
    """Returns the same rows of both: those that all values share, then those of what stayed."""
    shared, old, new = _BY_ROWS[len(old_value), len(new_value)]
    staying = [each for each in new if each in old]
    return tuple(
        value[[*range(shared), *(shared + values.index(each) for each in staying)]]
        for value, values in ((old_value, old), (new_value, new))
    )


def _require_same_bits(old, new, path, but=()):
    """Compares all that two models and their optimizers hold; returns how many variables have rows that moved."""
    olds, news = ([each for each in _values(model, path).variables if each.name not in but] for model in (old, new))
    assert len(olds) == len(news) > 30
    num_grown = 0
    for before, after in zip(olds, news, strict=True):
        old_value, new_value = before.numpy(), after.numpy()
        if old_value.shape != new_value.shape:
            old_value, new_value = _rows_of_known(old_value, new_value)
            num_grown += 1
        np.testing.assert_array_equal(old_value, new_value, err_msg=before.name)
    return num_grown


# Tables of ids, of queries, of histories and of genres, each with as many slots as its optimizer has.
_NUM_GROWN = {"adam": 4 * 3, "adagrad": 4 * 2, "lazy_adam": 4 * 4, "row_wise_adagrad": 4 * 2}


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_known_ids_have_the_same_bits_after_growth_and_after_one_more_step(tmp_path, optimizer):
    old = _train(_model(_OLD, optimizer), 3)
    new = _grown(old, tmp_path, _model(_NEW, optimizer))
    # A schedule sets the rate as a step begins.
    num_grown = _require_same_bits(old, new, tmp_path, but=["current_learning_rate:0"])
    assert num_grown == _NUM_GROWN[optimizer]
    before = {each.name: each.numpy() for each in old.trainable_variables}
    for model in (old, new):
        model.train_step(_known_batch(3))
    # The step has moved them, and both alike; it is the fourth, which the schedule counts.
    assert any(np.any(before[each.name] != each.numpy()) for each in old.trainable_variables)
    assert _require_same_bits(old, new, tmp_path) == _NUM_GROWN[optimizer]
    assert int(new.optimizer.iterations) == 4


def test_towers_answer_for_known_ids_as_before(tmp_path):
    old = _train(_model(_OLD), 2)
    new = _grown(old, tmp_path, _model(_NEW))
    for part in ("query", "candidate"):
        inputs = _known_batch(9)[part]
        towers = [getattr(model, f"{part}_tower") for model in (old, new)]
        np.testing.assert_array_equal(*(tower(inputs, training=False) for tower in towers))


def test_new_rows_are_those_of_their_value_alone_and_their_slots_are_as_on_the_first_day(tmp_path):
    old = _train(_model(_OLD, "adagrad"), 2)
    new = _grown(old, tmp_path, _model(_NEW, "adagrad"))
    other = _grown(old, tmp_path, _model(_inputs(_OLD_QUERIES, (*_OLD_IDS, "n4", "n1"), _OLD_GENRES), "adagrad"))
    ids = tf.constant(["n1", "n4"])
    rows = [_id_table(model)(ids).numpy() for model in (new, other)]
    np.testing.assert_array_equal(*rows)
    assert np.all(np.abs(rows[0]) < 5 * 8**-0.5)
    assert np.all(np.std(rows[0], axis=1) > 0.05)
    # Keras' Adagrad starts at .1, by its manual.
    slots = [each.numpy() for each in new.optimizer.tables.variables[1:] if each.shape[0] == 17]
    assert len(slots) == 2
    for slot in slots:
        np.testing.assert_array_equal(slot[[3 + _NEW_IDS.index("n1"), 3 + _NEW_IDS.index("n4")]], np.float32(0.1))


def test_new_rows_may_start_where_their_ids_were_while_they_were_unknown(tmp_path):
    old = _train(_model(_OLD), 2)
    new = _grown(old, tmp_path, _model(_NEW), "unknown")
    ids = {"candidate_id": tf.constant(["n0", "n3"]), "genre": tf.constant(["x", "z"])}
    np.testing.assert_array_equal(old.candidate_tower(ids), new.candidate_tower(ids))


def test_estimates_of_known_ids_go_on_with_as_many_buckets_and_with_twice_as_many(tmp_path):
    old = _train(_model(_OLD), 3)
    expected = old.task.streaming_frequency(tf.constant(_OLD_IDS))
    assert len(set(expected.numpy())) > 2
    for num_buckets in (12, 24):
        new = _grown(old, tmp_path, _model(_NEW, num_buckets=num_buckets))
        np.testing.assert_array_equal(new.task.streaming_frequency(tf.constant(_OLD_IDS)), expected)


def test_clusters_of_hard_negatives_are_made_anew(tmp_path):
    config = dataclasses.replace(_CONFIG, num_corpus_hard_negatives=2, corpus_refresh_steps=100)
    old = _train(_model(_OLD, config=config), 2)
    _root(old).write(str(tmp_path / "old"))
    new = _model(_NEW, config=config)
    values = checkpoint_values.CheckpointValues(_root(new), tmp_path / "old")
    growth.carry_over(new, old, values.variables, values.value)
    hard = [each for each in new.submodules if isinstance(each, negatives.CorpusHardNegatives)]
    assert [bool(each.needs_refresh(3)) for each in hard] == [True]


def test_a_model_of_other_layers_is_refused_with_the_variable_and_both_shapes(tmp_path):
    old = _train(_model(_OLD), 1)
    wider = _model(_NEW, config=dataclasses.replace(_CONFIG, bank_size=17))
    with pytest.raises(growth.CarryOverError, match=r"had the shape \[16, 8\], but has \[17, 8\]"):
        _grown(old, tmp_path, wider)


def test_tables_of_other_buckets_are_refused_with_the_option(tmp_path):
    old = _train(_model(_OLD), 1)
    more = _model(_NEW, config=dataclasses.replace(_CONFIG, num_oov_buckets=3))
    with pytest.raises(
        growth.CarryOverError, match=r"num_oov_buckets was 2 and is 3\. Such a model cannot be continued"
    ):
        _grown(old, tmp_path, more)
