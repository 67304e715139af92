import dataclasses

import numpy as np
import pytest

from benchmarks import contradiction_log

_SIZES = contradiction_log.LogSizes(num_queries=12, num_candidates=15, pairs_per_query=9)


def quadruple():
    """Two queries, two candidates: all liked but (u1, p2)."""
    texts = [np.array([[f"{side}1", "x", "y", "z"], [f"{side}2", "x", "y", "z"]]) for side in "up"]
    pairs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return contradiction_log.PairLog(*texts, pairs, np.array([1, 1, 1, 0], np.float32))


def _texts_of_pairs(log):
    return [
        (log.query_texts[query, 0], float(label), log.candidate_texts[candidate, 0])
        for (query, candidate), label in zip(log.pairs, log.labels, strict=True)
    ]


def test_the_negative_that_three_likes_contradict_is_found_with_them():
    log = quadruple()
    np.testing.assert_array_equal(contradiction_log.contradictions_of_pairs(log), [0, 0, 0, 1])
    assert contradiction_log.first_contradiction(log) == [0, 1, 2, 3]


def test_a_log_is_contradicted_as_often_as_paths_of_three_likes_lead_to_a_dislike():
    log = contradiction_log.draw_log(_SIZES, 3)
    liked = {tuple(pair) for pair, label in zip(log.pairs.tolist(), log.labels, strict=True) if label}
    expected = [
        0 if label else sum((u1, p1) in liked and (u2, p2) in liked for u2, p1 in liked)
        for (u1, p2), label in zip(log.pairs.tolist(), log.labels, strict=True)
    ]
    np.testing.assert_array_equal(contradiction_log.contradictions_of_pairs(log), expected)
    assert np.count_nonzero(expected) > 0.9 * np.count_nonzero(log.labels == 0)


def test_the_first_contradiction_of_a_drawn_log_is_one():
    log = contradiction_log.draw_log(_SIZES, 1)
    rows = contradiction_log.first_contradiction(log)
    (u1, p1), (u2, also_p1), (also_u2, p2), last = log.pairs[rows].tolist()
    assert (also_p1, also_u2, last) == (p1, u2, [u1, p2])
    assert log.labels[rows].tolist() == [1, 1, 1, 0]


def test_in_the_copy_each_positive_query_reads_its_own_candidate_and_all_else_stays():
    copy = contradiction_log.with_own_text(quadruple())
    assert _texts_of_pairs(copy) == [("p1", 1, "p1"), ("p1", 1, "p1"), ("p2", 1, "p2"), ("u1", 0, "p2")]


def test_in_the_second_copy_the_negatives_read_another_candidate():
    assert _texts_of_pairs(contradiction_log.with_candidate_texts(quadruple()))[-1] == ("p1", 0, "p2")
    copy = contradiction_log.with_candidate_texts(contradiction_log.draw_log(_SIZES, 2))
    assert all((query == candidate) == bool(label) for query, label, candidate in _texts_of_pairs(copy))


@pytest.mark.parametrize("change", [contradiction_log.with_own_text, contradiction_log.with_candidate_texts])
def test_the_copies_have_the_same_labels_and_no_contradiction(change):
    log = contradiction_log.draw_log(_SIZES, 0)
    copy = change(log)
    np.testing.assert_array_equal(copy.labels, log.labels)
    np.testing.assert_array_equal(copy.pairs[:, 1], log.pairs[:, 1])
    assert not contradiction_log.contradictions_of_pairs(copy).any()
    with pytest.raises(ValueError, match="The log has no transitive contradiction; draw more pairs per query"):
        contradiction_log.first_contradiction(copy)


def test_rates_are_the_mean_label_of_the_querys_or_the_candidates_pairs():
    log = quadruple()
    np.testing.assert_array_equal(contradiction_log.click_through_rate(log, "query"), [0.5, 1, 1, 0.5])
    np.testing.assert_array_equal(contradiction_log.click_through_rate(log, "candidate"), [1, 1, 0.5, 0.5])


def test_each_query_is_shown_different_candidates_and_texts_tell_all_apart():
    log = contradiction_log.draw_log(_SIZES, 5)
    assert len(np.unique(log.pairs, axis=0)) == len(log.pairs) == 12 * 9
    texts = {tuple(text) for text in np.concatenate([log.query_texts, log.candidate_texts])}
    assert len(texts) == 12 + 15
    assert set(log.vocabulary) == {word for text in texts for word in text}


def test_a_log_depends_on_its_seed_and_the_candidates_shown_change_no_text():
    log, same, other = (contradiction_log.draw_log(_SIZES, seed) for seed in (0, 0, 1))
    for field in dataclasses.fields(log):
        np.testing.assert_array_equal(getattr(log, field.name), getattr(same, field.name))
    assert not np.array_equal(log.labels, other.labels)
    sparse = contradiction_log.draw_log(dataclasses.replace(_SIZES, pairs_per_query=2), 0)
    np.testing.assert_array_equal(sparse.query_texts, log.query_texts)


def test_log_odds_decide_how_far_the_rates_lie_apart():
    sizes = contradiction_log.LogSizes(100, 100, 100, query_deviation=0.0, candidate_deviation=2.0)
    log = contradiction_log.draw_log(sizes, 0)
    of_queries, of_candidates = (
        np.std(contradiction_log.click_through_rate(log, side)) for side in ("query", "candidate")
    )
    # Without any deviation the rates of 100 labels scatter by .05 at most; sigmoids of N(0, 2) by .3.
    assert of_queries < 0.06
    assert 0.25 < of_candidates < 0.35


@pytest.mark.parametrize("sizes", [(1, 5, 2), (6, 5, 2), (5, 5, 6), (5, 5, 0)])
def test_sizes_that_no_log_can_have_are_refused(sizes):
    with pytest.raises(ValueError, match=f"num_queries is {sizes[0]}, num_candidates {sizes[1]} and pairs_per_query"):
        contradiction_log.LogSizes(*sizes)
