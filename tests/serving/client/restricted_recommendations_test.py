"""The four clients ask an export for some of its candidates only."""

import pytest

from serving import errors
from tests.serving import small_recommender, tiny_models
from tests.serving.client import four_clients

pytestmark = pytest.mark.parametrize("small_export", ["brute_force"], indirect=True)
_GENRE_OF = dict(zip(small_recommender.IDS, small_recommender.GENRES, strict=True))


@pytest.fixture(scope="module")
def server(small_export, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("restricted")
    tiny_models.publish(small_export.path, base_path, 1)
    with tiny_models.running_server(base_path) as config:
        yield config


@pytest.fixture(params=four_clients.KINDS)
def asked(request, server):
    with four_clients.connected(request.param, server) as made:
        yield made


def _ids(answers):
    return [[each.candidate_id for each in row] for row in answers]


def test_each_query_gets_as_many_as_it_asks_for(asked):
    queries = ["u2", "stranger"]
    five, seven = (_ids(asked.recommend("tiny", queries, k=k)) for k in (None, 7))
    assert [len(row) for row in five] == [5, 5]
    assert [len(row) for row in seven] == [7, 7]
    assert [row[:5] for row in seven] == five
    assert _ids(asked.recommend("tiny", queries, k=[1, 3])) == [five[0][:1], five[1][:3]]
    # The corpus holds 30.
    assert [len(row) for row in _ids(asked.recommend("tiny", queries, k=40))] == [30, 30]


def test_each_query_has_exclusions_an_allow_list_and_filters_of_its_own(asked):
    queries = ["u2", "stranger"]
    ranked = _ids(asked.recommend("tiny", queries, k=30))
    excluding = asked.recommend("tiny", queries, exclude_candidate_ids=[ranked[0][:4], []])
    assert _ids(excluding) == [ranked[0][4:9], ranked[1][:5]]
    allowed = asked.recommend("tiny", queries, allow_candidate_ids=[[], ["c3", "never", "c7"]])
    assert _ids(allowed) == [ranked[0][:5], [each for each in ranked[1] if each in ("c3", "c7")]]
    filtered = asked.recommend("tiny", queries, k=30, filters={"genre": [["war"], ["drama", "war"]]})
    assert _ids(filtered) == [
        [each for each in row if _GENRE_OF[each] in genres]
        for row, genres in zip(ranked, [("war",), ("drama", "war")], strict=True)
    ]


def test_a_query_may_choose_between_what_is_precomputed_and_the_tower(asked):
    by_default = asked.recommend("tiny", ["u1"])
    assert asked.recommend("tiny", ["u1"], features={"use_precomputed": [True]}) == by_default
    assert asked.recommend("tiny", ["u1"], features={"use_precomputed": [False]}) != by_default


def test_what_the_model_does_not_take_is_refused_with_what_it_takes(asked):
    with pytest.raises(
        errors.InvalidArgumentError, match=r"takes no filter_colour; it takes .*filter_genre, filter_list"
    ):
        asked.recommend("tiny", ["u1"], filters={"colour": [["red"]]})
    with pytest.raises(errors.InvalidArgumentError, match="k must be between 1 and 40 in every row, but is 41"):
        asked.recommend("tiny", ["u1"], k=41)
