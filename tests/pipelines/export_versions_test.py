import pathlib

import pytest

from pipelines import export, export_versions, job


@pytest.fixture
def export_dir(tmp_path):
    for name in ("1", "2", "10", ".withdrawn-11", "notes", ".3.tmp-abc", "7x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text(name)
    return tmp_path


def _names(directory: pathlib.Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_versions_are_folders_with_a_number_and_a_withdrawn_number_is_not_given_again(export_dir):
    assert export_versions.numbers(export_dir) == [1, 2, 10]
    assert export_versions.newest(export_dir) == 10
    assert export_versions.next_number(export_dir) == 12


def test_a_directory_that_is_not_there_has_no_version(tmp_path):
    assert export_versions.numbers(tmp_path / "new") == []
    assert export_versions.newest(tmp_path / "new") is None
    assert export_versions.next_number(tmp_path / "new") == 1


def test_rolling_back_serves_the_version_before_and_keeps_what_was_withdrawn(export_dir):
    assert export_versions.roll_back(export_dir) == (10, 2)
    assert export_versions.newest(export_dir) == 2
    assert (export_dir / ".withdrawn-10" / "saved_model.pb").read_text() == "10"
    assert export_versions.next_number(export_dir) == 12


def test_going_back_to_a_version_takes_all_above_it_back_and_again_nothing(export_dir):
    assert export_versions.roll_back_to(export_dir, 1) == [10, 2]
    assert export_versions.numbers(export_dir) == [1]
    assert export_versions.withdrawn_numbers(export_dir) == [2, 10, 11]
    assert export_versions.roll_back_to(export_dir, 1) == []
    with pytest.raises(export_versions.ExportVersionError, match=r"Version 2 is to be served, but .* holds \[1\]"):
        export_versions.roll_back_to(export_dir, 2)


def test_there_is_no_going_back_from_the_only_version(export_dir):
    export_versions.roll_back(export_dir)
    export_versions.roll_back(export_dir)
    with pytest.raises(
        export_versions.ExportVersionError, match=r"--rollback needs a version before .* holds \[1\]; ex"
    ):
        export_versions.roll_back(export_dir)
    assert export_versions.numbers(export_dir) == [1]


def test_old_versions_are_removed_and_what_was_withdrawn_before_them(export_dir):
    export_versions.roll_back(export_dir)
    assert export_versions.retire(export_dir, 1) == [1]
    assert _names(export_dir) == [".3.tmp-abc", ".withdrawn-10", ".withdrawn-11", "2", "7x", "notes"]
    (export_dir / "12").mkdir()
    assert export_versions.retire(export_dir, 1) == [2]
    assert _names(export_dir) == [".3.tmp-abc", "12", "7x", "notes"]
    assert export_versions.retire(export_dir, 3) == []


def test_what_killed_exports_left_is_swept_and_versions_stay(export_dir):
    (export_dir / ".10.tmp-def").mkdir()
    (export_dir / "..withdrawn-4.tmp-123").mkdir()
    export_versions.sweep(export_dir)
    assert _names(export_dir) == [".withdrawn-11", "1", "10", "2", "7x", "notes"]
    export_versions.sweep(export_dir / "not there")


def test_a_directory_that_is_not_there_has_no_version_to_take_back(tmp_path):
    with pytest.raises(job.ConfigError, match="--export_dir must be a directory of versions, but is"):
        export.roll_back(str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
