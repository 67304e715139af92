import pytest

from serving.server import version_policy


def test_only_folders_named_by_an_integer_are_versions(tmp_path):
    for name in ("1", "20", "00000123", ".21.tmp", "-3", "3.5", "latest", "²", "99999999999999999999"):
        (tmp_path / name).mkdir()
    (tmp_path / "5").write_text("a file")
    assert version_policy.list_versions(tmp_path) == {
        1: tmp_path / "1",
        20: tmp_path / "20",
        123: tmp_path / "00000123",
    }


def test_a_missing_base_path_is_an_error_and_not_an_empty_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        version_policy.list_versions(tmp_path / "absent")


@pytest.mark.parametrize(
    ("on_disk", "loaded", "versions"),
    [
        ([], [], []),
        # Should 3 fail, the one before it serves after a restart.
        ([1, 3, 2], [], [3, 2, 1]),
        ([1, 2], [2], []),
        ([1, 2], [1], [2]),
        # What serves keeps serving, whatever becomes of 3.
        ([1, 2, 3], [2], [3]),
        ([1, 2, 3], [1], [3]),
        # The newest folder was taken away: back to the one before, as with TensorFlow Serving.
        ([1], [2], [1]),
    ],
)
def test_the_newest_version_is_next_and_others_only_while_nothing_serves(on_disk, loaded, versions):
    assert version_policy.to_load(version_policy.Latest(), on_disk, loaded) == versions


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        (version_policy.Latest(2), [4, 2, 1]),
        (version_policy.All(), [4, 2, 1]),
        (version_policy.Specific(frozenset({1, 3})), [1]),
    ],
)
def test_nothing_stands_in_for_a_version_that_was_named(policy, versions):
    assert version_policy.to_load(policy, {1, 2, 4}, []) == versions


@pytest.mark.parametrize(
    ("policy", "wanted", "stand_ins"),
    [
        (version_policy.Latest(), [7], [4, 2, 1]),
        (version_policy.Latest(3), [7, 4, 2], [1]),
        (version_policy.Latest(9), [7, 4, 2, 1], []),
        (version_policy.All(), [7, 4, 2, 1], []),
        (version_policy.Specific(frozenset({1, 4, 5})), [4, 1], []),
        (version_policy.Specific(frozenset({5})), [], []),
    ],
)
def test_a_policy_says_which_versions_are_to_serve_and_which_may_stand_in(policy, wanted, stand_ins):
    assert policy.wanted({4, 1, 7, 2}) == wanted
    assert policy.stand_ins({4, 1, 7, 2}) == stand_ins


@pytest.mark.parametrize(
    ("wanted", "loaded", "leaving"),
    [
        ([3], [2], []),
        ([3], [3, 2], [2]),
        ([3, 2], [2, 1], [1]),
        # Nothing that is wanted serves: what serves stays.
        ([], [2, 1], []),
        ([4, 3], [2, 1], []),
        ([4, 3], [], []),
    ],
)
def test_what_serves_stays_until_something_wanted_does(wanted, loaded, leaving):
    assert version_policy.no_longer_wanted(wanted, loaded) == leaving


def test_a_link_to_a_folder_is_a_version_and_one_to_nothing_is_none(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "3").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "4").symlink_to(tmp_path / "absent")
    assert version_policy.list_versions(tmp_path) == {3: tmp_path / "3"}


def test_what_cannot_be_looked_at_counts_as_a_version_and_hides_no_other(tmp_path):
    (tmp_path / "3").mkdir()
    # The system refuses to follow it (ENAMETOOLONG), also for root, whom no permission stops.
    (tmp_path / "4").symlink_to("x" * 300)
    assert sorted(version_policy.list_versions(tmp_path)) == [3, 4]
