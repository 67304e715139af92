import json

import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import features, history, string_embedding, towers

_SEX = features.FeatureInput("sex", "categorical", 3, ("F", "M"))


def _history_tower(encoder, reads_time_gaps=False, **options):
    table = string_embedding.StringEmbedding(["c1", "c2", "c3"], 8, name="candidate_id")
    options = {"embedding_dim": 6, "history_length": 5, **options}
    made = {"reads_time_gaps": True} if reads_time_gaps else {}
    return towers.QueryTower(
        None,
        table,
        [_SEX],
        history_encoder=history.build_encoder(encoder, 8, seed=1, name="encoder", **made),
        **options,
    )


_ENCODERS = [(name, False) for name in history.ENCODERS] + [("self_attention", True)]


@pytest.mark.parametrize(("encoder", "reads_time_gaps"), _ENCODERS)
def test_rows_that_share_a_history_are_embedded_as_if_each_brought_what_it_sees(encoder, reads_time_gaps):
    tower = _history_tower(encoder, reads_time_gaps)
    ids, moments = ["c1", "", "c2", "c3"], [5, -1, 70_000_000, 90_000_000]
    shared = {
        "sex": tf.constant(["F", "M", "", "F", "F"]),
        "history": tf.constant([ids, ["c2", "c2", "", ""]]),
        "history_timestamps": tf.constant([moments, [-1, -1, -1, -1]], tf.int64),
        "history_row": tf.constant([0, 0, 1, 0, 1], tf.int64),
        "history_end": tf.constant([4, 1, 2, 0, 0], tf.int64),
    }
    seen = [ids, ["c1", "", "", ""], ["c2", "c2", "", ""], [""] * 4, [""] * 4]
    seen_at = [moments, [5, -1, -1, -1], *[[-1] * 4] * 3]
    alone = {"sex": shared["sex"], "history": tf.constant(seen), "history_timestamps": tf.constant(seen_at, tf.int64)}
    np.testing.assert_allclose(tower(shared), tower(alone), atol=1e-6)
    # The last two rows know the same: an empty history, and the same sex.
    assert len({tuple(np.round(each, 4)) for each in tower(alone).numpy()}) == 4


def test_rows_that_share_a_history_read_how_long_ago_their_own_part_of_it_was():
    tower = _history_tower("mean", reads_moment=True)
    hours = [hour * 3_600_000_000 for hour in range(5)]
    shared = {
        "sex": tf.constant(["F", "F", "F"]),
        "history": tf.constant([["c1", "c2", "c3"]]),
        "history_timestamps": tf.constant([hours[:3]], tf.int64),
        "moment": tf.constant([hours[4], hours[4], -1], tf.int64),
        "history_row": tf.constant([0, 0, 0], tf.int64),
        "history_end": tf.constant([3, 1, 0], tf.int64),
    }
    alone = {
        "sex": shared["sex"],
        "history": tf.constant([["c1", "c2", "c3"], ["c1", "", ""], ["", "", ""]]),
        "history_timestamps": tf.constant([hours[:3], [0, -1, -1], [-1, -1, -1]], tf.int64),
        "moment": shared["moment"],
    }
    tower(alone)
    (gaps,) = (each for each in tower.trainable_variables if "level_kernel" in each.name)
    gaps.assign(np.random.default_rng(0).normal(size=gaps.shape))
    np.testing.assert_allclose(tower(shared), tower(alone), atol=1e-6)
    later = tower({**alone, "moment": shared["moment"] * 8})
    assert np.abs(later - tower(alone))[:2].max() > 0.01
    other = towers.QueryTower.from_config(json.loads(json.dumps(tower.get_config())))
    other(alone)
    other.set_weights(tower.get_weights())
    np.testing.assert_array_equal(other(alone), tower(alone))


def test_ids_older_than_the_history_length_are_not_among_what_is_shown():
    tower = _history_tower("mean", reads_moment=True, history_length=1)
    inputs = {"sex": tf.constant(["F"]), "moment": tf.constant([10**10], tf.int64)}
    one = {**inputs, "history": [["c2"]], "history_timestamps": tf.constant([[10**9]], tf.int64)}
    two = {**inputs, "history": [["c1", "c2"]], "history_timestamps": tf.constant([[5, 10**9]], tf.int64)}
    tower(one)
    (gaps,) = (each for each in tower.trainable_variables if "level_kernel" in each.name)
    gaps.assign(tf.ones_like(gaps))
    np.testing.assert_allclose(tower(one), tower(two), atol=1e-6)


def test_a_moment_without_a_history_is_refused():
    with pytest.raises(ValueError, match="how long ago a history was, but the tower has none; switch it off"):
        towers.QueryTower(None, None, [_SEX], reads_moment=True)


def test_a_row_of_a_history_that_another_replica_holds_is_refused():
    inputs = {
        "sex": tf.constant(["F", "M"]),
        "history": tf.constant([["c1", "c2"]]),
        "history_row": tf.constant([0, 1], tf.int64),
        "history_end": tf.constant([1, 2], tf.int64),
    }
    with pytest.raises(tf.errors.InvalidArgumentError, match="history_row must name rows of history; where several"):
        tf.function(_history_tower("mean"))(inputs)


@pytest.mark.parametrize(("encoder", "reads_time_gaps"), _ENCODERS)
def test_a_tower_with_any_encoder_comes_back_from_its_configuration_and_weights(encoder, reads_time_gaps):
    tower = _history_tower(encoder, reads_time_gaps)
    inputs = {
        "sex": tf.constant(["F", "M", ""]),
        "history": tf.constant([["c1", "c2", ""], ["", "c2", "c9"], ["", "", ""]]),
        "history_timestamps": tf.constant([[1, 2, -1], [-1, 5, 3_000_000], [-1, -1, -1]], tf.int64),
    }
    expected = tower(inputs)
    other = towers.QueryTower.from_config(json.loads(json.dumps(tower.get_config())))
    other(inputs)
    other.set_weights(tower.get_weights())
    np.testing.assert_array_equal(other(inputs), expected)


def test_moments_are_an_input_only_of_an_encoder_that_reads_time_gaps():
    assert "history_timestamps" not in _history_tower("self_attention").input_specs
    tower = _history_tower("self_attention", reads_time_gaps=True)
    assert tower.input_specs["history_timestamps"].dtype == tf.int64
    inputs = {"sex": tf.constant(["F"]), "history": tf.constant([["c1", "c2"]])}
    with pytest.raises(KeyError, match="needs input 'history_timestamps'"):
        tower(inputs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="history_timestamps must have one shape; give each id"):
        tower({**inputs, "history_timestamps": tf.constant([[1]], tf.int64)})
