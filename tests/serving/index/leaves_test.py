import numpy as np
import pytest

from serving.index import leaves
from tests.serving.index import corpora


def _belonging(divided):
    """Returns for each leaf the vectors that belong to it: in `order` the leaves follow each other."""
    return np.split(divided.order, np.cumsum(divided.sizes)[:-1])


@pytest.mark.parametrize(("num_vectors", "num_leaves"), [(1, 1), (50, 1), (50, 50), (500, 20), (3_000, 100)])
def test_every_vector_belongs_to_one_leaf_and_stands_there_before_copies_of_others(num_vectors, num_leaves):
    vectors = corpora.adversarial(num_vectors)
    divided = leaves.divide(vectors, num_leaves)
    assert sorted(divided.order) == list(range(num_vectors))
    assert len(divided.sizes) == len(divided.centres) >= num_leaves
    assert divided.sizes.sum() == num_vectors
    begins = np.cumsum(divided.sizes) - divided.sizes
    for members, begin, own in zip(divided.members, begins, _belonging(divided), strict=True):
        listed = members[members >= 0]
        np.testing.assert_array_equal(listed[: len(own)], np.arange(begin, begin + len(own)))
        # Filling comes last, and nobody is listed twice.
        assert np.all(members[len(listed) :] == -1)
        assert len(set(listed)) == len(listed)
        copies = divided.order[listed[len(own) :]]
        assert not set(copies) & set(own)


def test_a_vector_belongs_to_the_nearest_centre_and_is_copied_to_the_second_nearest():
    # Leaves of the same size on a line, none of which has to be split.
    generator = np.random.default_rng(0)
    points = np.concatenate([10.0 * leaf + generator.uniform(-1, 1, [40, 1]) for leaf in range(5)]).astype(np.float32)
    # Seeds differ in where the first centres fall; one that puts a centre into each cluster shows the rule.
    divided = next(
        each
        for each in (leaves.divide(points, 5, seed) for seed in range(200))
        if len(each.centres) == 5 and np.ptp(np.diff(np.sort(each.centres[:, 0]))) < 2
    )
    distances = np.abs(points - divided.centres.T)
    nearest = np.argsort(distances, axis=1)
    for leaf, (members, own) in enumerate(zip(divided.members, _belonging(divided), strict=True)):
        assert set(own) == set(np.flatnonzero(nearest[:, 0] == leaf))
        listed = divided.order[members[members >= 0]]
        seconds = set(np.flatnonzero(nearest[:, 1] == leaf))
        # Copies are left out where a list would become longer than 1.5 means, the farthest first.
        assert set(listed[len(own) :]) <= seconds
        assert len(listed) == min(60, len(own) + len(seconds))
        kept, left_out = listed[len(own) :], sorted(seconds - set(listed))
        assert distances[kept, leaf].max(initial=0.0) <= distances[left_out, leaf].min(initial=np.inf)


def test_about_half_of_the_vectors_are_listed_twice():
    divided = leaves.divide(corpora.adversarial(3_000), 100)
    times = np.bincount(divided.order[divided.members[divided.members >= 0]], minlength=3_000)
    assert set(times) == {1, 2}
    assert 0.4 < np.mean(times == 2) < 0.6


@pytest.mark.parametrize(("share", "dim"), [(0.3, 8), (0.9, 8), (1.0, 8), (0.9, 1)])
def test_leaves_far_larger_than_the_others_are_split_even_where_vectors_are_identical(share, dim):
    vectors = corpora.adversarial(2_000, dim)
    vectors[: int(2_000 * share)] = vectors[-1]
    divided = leaves.divide(vectors, 40)
    # By hand: a mean of 50, of which 1.5 are allowed.
    assert divided.sizes.max() <= 75
    assert np.isfinite(divided.centres).all()
    assert divided.members.shape[1] <= 125


def test_one_leaf_lists_all_and_no_copies():
    divided = leaves.divide(corpora.adversarial(30), 1)
    np.testing.assert_array_equal(divided.members, [np.arange(30)])


def test_as_many_leaves_as_different_vectors_hold_one_each():
    # Far apart, so that none is nearer to another's centre.
    divided = leaves.divide(np.eye(12, dtype=np.float32), 12)
    assert divided.sizes.tolist() == [1] * 12
    np.testing.assert_array_equal(divided.centres, np.eye(12)[divided.order])


def test_the_same_vectors_are_divided_the_same_way_and_another_seed_divides_them_differently():
    vectors = corpora.adversarial(1_500)
    first, again, other = leaves.divide(vectors, 80), leaves.divide(vectors, 80), leaves.divide(vectors, 80, seed=1)
    for each in ("centres", "order", "members"):
        assert getattr(first, each).tobytes() == getattr(again, each).tobytes()
    assert first.order.tolist() != other.order.tolist()


def test_the_vectors_are_left_as_they_were():
    vectors = corpora.adversarial(300)
    before = vectors.copy()
    leaves.divide(vectors, 10)
    np.testing.assert_array_equal(vectors, before)


@pytest.mark.parametrize("num_leaves", [0, -1, 6])
def test_a_number_of_leaves_that_cannot_be_is_refused(num_leaves):
    with pytest.raises(
        ValueError, match=f"num_leaves must be between 1 and 5, the number of vectors, but is {num_leaves}"
    ):
        leaves.divide(corpora.adversarial(5), num_leaves)
