import numpy as np
import pytest

from tfrs_model import growth

_DAY = 24 * 60 * 60 * 1_000_000


def _entries(**counts_and_days):
    """Returns entries by value: how often, and on which day last."""
    numbers = {value: (count, day * _DAY) for value, (count, day) in counts_and_days.items()}
    return growth.VocabularyEntries.from_dict(numbers)


def _grow(known, waiting, seen, now, **policy):
    return growth.grow_vocabulary(known, waiting, seen, growth.VocabularyPolicy(**policy), now * _DAY)


_NOTHING = growth.VocabularyEntries()


def test_old_values_keep_their_order_and_new_ones_come_behind_the_most_frequent_first():
    seen = _entries(z=(1, 1), b=(2, 1), é=(2, 1), a=(2, 1), y=(9, 1))
    grown = _grow(_entries(y=(1, 0), x=(5, 0)), _NOTHING, seen, now=1)
    # Equal counts by code point, by hand: a is U+0061, b U+0062, é U+00E9.
    assert grown.known.values == ("y", "x", "a", "b", "é", "z")
    assert grown.known.counts.tolist() == [10, 5, 2, 2, 2, 1]
    assert grown.known.last_seen.tolist() == [_DAY, 0, _DAY, _DAY, _DAY, _DAY]
    assert (grown.num_new, grown.num_expired, grown.num_forgotten) == (4, 0, 0)


def test_a_value_waits_until_all_days_together_bring_it_often_enough():
    first = _grow(_entries(a=(5, 0)), _entries(b=(1, 0)), _entries(b=(1, 1), c=(1, 1)), now=1, admission_min_count=3)
    assert (first.known.values, first.waiting.as_dict()) == (("a",), {"b": (2, _DAY), "c": (1, _DAY)})
    second = _grow(first.known, first.waiting, _entries(c=(1, 2), b=(1, 2)), now=2, admission_min_count=3)
    assert (second.known.as_dict(), second.waiting.as_dict()) == (
        {"a": (5, 0), "b": (3, 2 * _DAY)},
        {"c": (2, 2 * _DAY)},
    )


def test_what_is_old_and_rare_expires_and_frees_its_place_what_is_frequent_or_seen_again_stays():
    known = _entries(rare=(4, 0), frequent=(5, 0), young=(1, 1), again=(1, 0))
    grown = _grow(known, _NOTHING, _entries(again=(1, 3)), now=3, expire_after_days=3, expire_below_count=5)
    assert grown.known.values == ("frequent", "young", "again")
    assert grown.num_expired == 1


def test_without_a_count_age_alone_decides_and_without_days_nothing_expires():
    known = _entries(a=(1000, 0), b=(1, 2))
    assert _grow(known, _NOTHING, _NOTHING, now=3, expire_after_days=2).known.values == ("b",)
    assert _grow(known, _NOTHING, _NOTHING, now=10_000).known.values == ("a", "b")


def test_an_expired_value_comes_back_as_a_new_one_without_its_old_count():
    gone = _grow(_entries(a=(7, 0), b=(1, 9)), _NOTHING, _NOTHING, now=9, expire_after_days=9)
    back = _grow(gone.known, gone.waiting, _entries(a=(2, 10)), now=10, expire_after_days=9)
    assert back.known.as_dict() == {"b": (1, 9 * _DAY), "a": (2, 10 * _DAY)}
    assert back.num_new == 1


def test_what_waits_is_forgotten_by_the_same_age():
    policy = {"admission_min_count": 5, "expire_after_days": 2, "expire_below_count": 1}
    grown = _grow(_NOTHING, _entries(a=(4, 0), b=(1, 1)), _NOTHING, now=2, **policy)
    assert (grown.waiting.values, grown.num_forgotten, grown.num_expired) == (("b",), 1, 0)


def test_the_order_in_which_a_day_brings_values_is_of_no_matter():
    seen = {f"v{i}": (1 + i % 3, _DAY) for i in range(20)}
    shuffled = dict(np.random.default_rng(0).permutation(np.array(list(seen.items()), object)).tolist())
    grown = [
        _grow(_entries(v3=(1, 0)), _NOTHING, growth.VocabularyEntries.from_dict(each), now=1)
        for each in (seen, {value: tuple(numbers) for value, numbers in shuffled.items()})
    ]
    assert grown[0].known.as_dict() == grown[1].known.as_dict()
    assert grown[0].known.values == grown[1].known.values


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"admission_min_count": 0}, "admission_min_count must be >= 1, but is 0"),
        ({"expire_after_days": -1}, "expire_after_days must be >= 0, but is -1"),
        ({"expire_below_count": 3}, "expire_below_count is 3, but nothing expires with expire_after_days=0"),
    ],
)
def test_a_policy_out_of_range_is_refused(policy, sentence):
    with pytest.raises(growth.GrowthPolicyError, match=sentence):
        growth.VocabularyPolicy(**policy)
