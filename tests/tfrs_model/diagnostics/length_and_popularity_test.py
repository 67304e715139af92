import numpy as np
import pytest

from tfrs_model.diagnostics import length_and_popularity


def test_lengths_that_rise_with_popularity_correlate_fully():
    counts = np.array([5, 80, 3, 40])
    embeddings = np.array([[0.0, 0.5], [3.0, 4.0], [0.1, 0.0], [0.0, 2.0]])
    assert length_and_popularity.length_popularity_correlation(embeddings, counts) == pytest.approx(1.0)
    assert length_and_popularity.length_popularity_correlation(embeddings, -counts) == pytest.approx(-1.0)


def test_the_most_popular_tenth_comes_first():
    counts, lengths = np.arange(20), np.arange(20.0)
    found = length_and_popularity.mean_length_by_decile(np.stack([lengths, np.zeros(20)], axis=1), counts)
    np.testing.assert_allclose(found, [18.5, 16.5, 14.5, 12.5, 10.5, 8.5, 6.5, 4.5, 2.5, 0.5])


def test_a_corpus_of_no_whole_tenths_is_cut_as_everywhere_else():
    # By hand: row i of 15 is in the tenth 10 i // 15, so every other tenth has two.
    counts, lengths = np.arange(15)[::-1], np.arange(15.0)
    found = length_and_popularity.mean_length_by_decile(lengths[:, np.newaxis], counts)
    np.testing.assert_allclose(found, [0.5, 2.0, 3.5, 5.0, 6.5, 8.0, 9.5, 11.0, 12.5, 14.0])


def test_fewer_candidates_than_tenths_are_refused():
    with pytest.raises(ValueError, match="must have 10 candidates to be cut into tenths, but has 9"):
        length_and_popularity.mean_length_by_decile(np.ones([9, 2]), np.ones(9))
