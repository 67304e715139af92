import numpy as np
import pytest

from benchmarks.index import corpora, restricted


@pytest.fixture(scope="module")
def questions():
    return restricted.Questions(corpora.fitted(8000, num_queries=40))


def _case(questions, name):
    return next(each for each in questions.cases() if each.name == name)


def _right_answer(questions, case):
    """Returns the exact ranking of what may be answered, in k places."""
    answer = {
        "candidate_ids": np.full([len(questions.queries), case.k], b"", object),
        "scores": np.zeros([len(questions.queries), case.k], np.float32),
        "valid": np.zeros([len(questions.queries), case.k], bool),
    }
    for query, scores in enumerate(questions.scores):
        rows = np.flatnonzero(case.passes(query))
        rows = rows[np.argsort(-scores[rows], kind="stable")][: case.k]
        answer["candidate_ids"][query, : len(rows)] = [f"c{row}".encode() for row in rows]
        answer["scores"][query, : len(rows)] = scores[rows]
        answer["valid"][query, : len(rows)] = True
    return answer


def test_what_the_query_likes_least_is_the_end_of_its_ranking(questions):
    case = _case(questions, "1.00% that the query likes least")
    assert case.inputs(3) == {"filter_disliked_100": ["q3"]}
    assert set(np.flatnonzero(case.passes(3))) == set(np.argsort(questions.scores[3], kind="stable")[:80])


def test_the_best_are_excluded_by_name(questions):
    case = _case(questions, "its 5,000 best excluded")
    best = np.argsort(questions.scores[0], kind="stable")[-5000:]
    assert set(case.inputs(0)["exclude_candidate_ids"]) == {f"c{row}" for row in best}
    assert not case.passes(0)[best].any()


def test_two_filters_must_both_be_passed(questions):
    case = _case(questions, "10% and 30% at random")
    assert sorted(case.inputs(0)) == ["filter_drawn_1000", "filter_drawn_3000"]
    one, other = (_case(questions, f"{share}.00% at random").passes(0) for share in (10, 30))
    np.testing.assert_array_equal(case.passes(0), one & other)


@pytest.mark.parametrize("name", ["10.00% at random", "0.01% that the query likes least", "its 5,000 best excluded"])
def test_a_right_answer_is_found_right(questions, name):
    case = _case(questions, name)
    assert restricted._judged(_right_answer(questions, case), questions, case) == (0, 1.0)


def test_every_fault_of_an_answer_is_counted(questions):
    case = _case(questions, "10.00% at random")
    forbidden = f"c{np.flatnonzero(~case.passes(0))[0]}".encode()

    def wrong(change):
        answer = _right_answer(questions, case)
        change(answer)
        return restricted._judged(answer, questions, case)[0]

    assert wrong(lambda answer: answer["candidate_ids"].__setitem__((0, 4), forbidden)) == 1
    # False, and out of order.
    assert wrong(lambda answer: answer["scores"].__setitem__((1, 2), 0.9)) == 2
    assert wrong(lambda answer: answer["valid"].__setitem__((2, 9), False)) == 1
    # The same candidate twice has a false score too.
    assert wrong(lambda answer: answer["candidate_ids"].__setitem__((3, 1), answer["candidate_ids"][3, 0])) >= 1


def test_recall_counts_what_is_as_good_as_the_last_of_the_exact_answer(questions):
    case = _case(questions, "10.00% at random")
    answer = _right_answer(questions, case)
    rows = np.flatnonzero(case.passes(0))
    worst = rows[np.argmin(questions.scores[0][rows])]
    answer["candidate_ids"][0, 9], answer["scores"][0, 9] = f"c{worst}".encode(), questions.scores[0][worst]
    assert restricted._judged(answer, questions, case) == (0, pytest.approx(1 - 0.1 / len(questions.queries)))
