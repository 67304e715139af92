import numpy as np

from tfrs_model.metrics import popularity


def test_the_most_popular_tenth_is_the_first():
    assert popularity.popularity_deciles(np.arange(20) * 10).tolist() == np.repeat(np.arange(10), 2)[::-1].tolist()


def test_ties_are_cut_by_row():
    assert popularity.popularity_deciles(np.zeros(10)).tolist() == list(range(10))


def test_no_candidates_have_no_deciles():
    assert popularity.popularity_deciles(np.zeros(0)).tolist() == []
