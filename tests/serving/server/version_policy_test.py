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
    ("on_disk", "loaded", "loadable", "version"),
    [
        ([], [], {}, None),
        ([1, 3, 2], [], {}, 3),
        ([1, 2], [2], {}, None),
        ([1, 2], [1], {}, 2),
        # 3 failed: what serves keeps serving, and after a restart the one before it does.
        ([1, 2, 3], [2], {3: False}, None),
        ([1, 2, 3], [1], {3: False}, None),
        ([1, 2, 3], [], {3: False}, 2),
        ([1, 2, 3], [], {3: False, 2: False}, 1),
        ([3], [], {3: False}, None),
        # Its time has come again.
        ([1, 2, 3], [2], {3: True}, 3),
        # The newest folder was taken away: back to the one before, as with TensorFlow Serving.
        ([1], [2], {}, 1),
    ],
)
def test_the_newest_version_is_next_unless_it_fails(on_disk, loaded, loadable, version):
    assert version_policy.next_version_to_load(on_disk, loaded, loadable) == version
