import numpy as np
import pytest
import tensorflow as tf

from tfrs_model import negatives

_IDS = ["käse", "b", "", "a"]


def _corpus(ids=_IDS):
    years = tf.constant([1990.0, 1991.0, 1992.0, 1993.0])
    titles = tf.constant(["Käse", "B", "Empty", "A"])
    return negatives.Corpus(
        tf.constant(ids), lambda rows: {"title": tf.gather(titles, rows), "year": tf.gather(years, rows)}
    )


def test_rows_are_found_by_id_and_unknown_ids_are_minus_one_inside_a_graph():
    corpus = _corpus()
    rows = tf.function(corpus.rows_of)(tf.constant(["a", "new", "", "käse", "a"]))
    np.testing.assert_array_equal(rows, [3, -1, 2, 0, 3])
    assert rows.dtype == tf.int64
    assert corpus.rows_of(tf.constant([], tf.string)).shape == (0,)


def test_ids_and_inputs_are_those_of_the_rows():
    corpus = _corpus()
    rows = tf.constant([3, 0, 3], tf.int64)
    assert [each.decode() for each in corpus.ids_of(rows).numpy()] == ["a", "käse", "a"]
    inputs = tf.function(corpus.inputs)(rows)
    np.testing.assert_array_equal(inputs["year"], [1993.0, 1990.0, 1993.0])
    assert [each.decode() for each in inputs["title"].numpy()] == ["A", "Käse", "A"]
    assert corpus.num_candidates == 4


def test_integers_are_found_as_their_decimal_strings():
    corpus = negatives.Corpus(np.array([7, -(2**40), 0]), lambda rows: {})
    np.testing.assert_array_equal(corpus.rows_of(tf.constant([0, 7, 8])), [2, 0, -1])
    np.testing.assert_array_equal(corpus.rows_of(tf.constant(["-1099511627776", "07"])), [1, -1])


def test_an_id_that_comes_twice_is_refused_with_its_name():
    with pytest.raises(ValueError, match=r"must be in the corpus once, but 'b' is there 2 times; remove the repeats"):
        _corpus(["a", "b", "c", "b"])


@pytest.mark.parametrize("ids", [np.zeros([0], np.int64), np.array([["a"], ["b"]])])
def test_ids_that_are_no_vector_or_none_are_refused(ids):
    with pytest.raises(ValueError, match=r"Corpus ids must be \[num_candidates\], one or more, but have the shape"):
        _corpus(ids)


def test_ids_that_are_neither_text_nor_integers_are_refused():
    with pytest.raises(TypeError, match="must be strings or integers, but are float32"):
        _corpus([1.5, 2.5])
