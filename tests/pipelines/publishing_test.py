import fcntl
import os

import pytest

from pipelines import artifacts, publishing

_KEY = "0123456789abcdef" * 4


def _write_half(target, interruption):
    with publishing.replace_directory(target) as building:
        (building / "half.txt").write_text("half")
        raise interruption


def test_a_directory_appears_only_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "prepared"
    with publishing.replace_directory(target) as building:
        (building / "a.txt").write_text("new")
        assert building.parent == target.parent
        assert not target.exists()
    assert (target / "a.txt").read_text() == "new"
    assert os.listdir(target.parent) == ["prepared"]


def test_an_existing_directory_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with publishing.replace_directory(target) as building:
        (building / "new.txt").write_text("new")
        assert (target / "old.txt").exists()
    assert os.listdir(target) == ["new.txt"]
    assert os.listdir(tmp_path) == ["prepared"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_directory_and_no_leftover(tmp_path, interruption):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with pytest.raises(interruption):
        _write_half(target, interruption)
    assert (target / "old.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["prepared"]


def test_leftovers_of_a_killed_run_are_swept_at_the_next_entry(tmp_path):
    (tmp_path / ".prepared.tmp-dead").mkdir()
    (tmp_path / ".prepared.tmp-dead" / "half.txt").write_text("half")
    with publishing.replace_directory(tmp_path / "prepared"):
        pass
    assert os.listdir(tmp_path) == ["prepared"]


def test_the_directory_of_a_run_that_is_still_alive_is_not_swept(tmp_path):
    alive = tmp_path / ".prepared.tmp-alive"
    alive.mkdir()
    descriptor = os.open(alive, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with publishing.replace_directory(tmp_path / "prepared"):
            pass
        assert alive.exists()
    finally:
        os.close(descriptor)


def test_a_run_killed_between_the_two_renames_gets_its_old_directory_back(tmp_path):
    retired = tmp_path / ".prepared.old-dead"
    retired.mkdir()
    (retired / "old.txt").write_text("old")
    with pytest.raises(RuntimeError), publishing.replace_directory(tmp_path / "prepared"):
        raise RuntimeError
    assert (tmp_path / "prepared" / "old.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["prepared"]


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "prepared").write_text("precious")
    with pytest.raises(artifacts.ArtifactError, match="must be a directory, but is a file"):
        _write_half(tmp_path / "prepared", RuntimeError)
    assert (tmp_path / "prepared").read_text() == "precious"


def test_a_published_directory_is_readable_by_others_as_the_umask_allows(tmp_path):
    (tmp_path / "plain").mkdir()
    with publishing.replace_directory(tmp_path / "prepared"):
        pass
    assert (tmp_path / "prepared").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_where_names_cannot_be_exchanged_two_renames_do_it(tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "_exchange", lambda first, second: False)
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "old.txt").write_text("old")
    with publishing.replace_directory(tmp_path / "prepared") as building:
        (building / "new.txt").write_text("new")
    assert os.listdir(tmp_path / "prepared") == ["new.txt"]
    assert os.listdir(tmp_path) == ["prepared"]


def test_an_existing_directory_is_replaced_in_one_step(tmp_path, monkeypatch):
    def in_two_steps(building, path):
        raise AssertionError("between two renames a reader finds nothing")

    monkeypatch.setattr(publishing, "_swap_in_two_steps", in_two_steps)
    for content in ("old", "new"):
        with publishing.replace_directory(tmp_path / "prepared") as building:
            (building / "a.txt").write_text(content)
    assert (tmp_path / "prepared" / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["prepared"]


def _make(target, key=_KEY, interruption=None, keeps=()):
    with publishing.resume_directory(target, key, keeps) as unfinished:
        found = sorted(path.name for path in unfinished.content.iterdir())
        (unfinished.content / "a.txt").write_text("a")
        (unfinished.work / "notes.txt").write_text("notes")
        if interruption is not None:
            raise interruption
    return found


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interrupted_making_goes_on_where_it_was(tmp_path, interruption):
    target = tmp_path / "prepared"
    with pytest.raises(interruption):
        _make(target, interruption=interruption)
    assert not target.exists()
    assert _make(target) == ["a.txt"]
    assert os.listdir(target) == ["a.txt"]
    assert os.listdir(tmp_path) == ["prepared"]


def test_a_making_of_another_key_starts_anew_and_sweeps(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _make(tmp_path / "prepared", interruption=KeyboardInterrupt)
    assert _make(tmp_path / "prepared", key="f" * 64) == []
    assert os.listdir(tmp_path) == ["prepared"]


def test_bad_input_leaves_no_work_and_what_was_published(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    with pytest.raises(ValueError, match="bad"):
        _make(target, interruption=ValueError("bad"))
    assert os.listdir(tmp_path) == ["prepared"]
    assert os.listdir(target) == []


class _StoppedError(ValueError):
    pass


def test_work_stays_after_a_failure_that_is_none_of_the_input(tmp_path):
    with pytest.raises(_StoppedError):
        _make(tmp_path / "prepared", interruption=_StoppedError, keeps=(_StoppedError,))
    assert _make(tmp_path / "prepared") == ["a.txt"]


def test_work_that_could_not_be_published_can_be_gone_on_with(tmp_path, monkeypatch):
    def refuse(building, path):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_swap_in", refuse)
        with pytest.raises(PermissionError):
            _make(tmp_path / "prepared")
    assert _make(tmp_path / "prepared") == ["a.txt"]


def test_what_was_published_before_is_replaced_and_never_taken_for_work(tmp_path):
    target = tmp_path / "prepared"
    target.mkdir()
    (target / "old.txt").write_text("old")
    assert _make(target) == []
    assert os.listdir(target) == ["a.txt"]
    assert _make(target) == []


def test_two_runs_never_make_the_same_directory_at_once(tmp_path):
    with (
        publishing.resume_directory(tmp_path / "prepared", _KEY),
        pytest.raises(artifacts.ArtifactError, match=r"Another run is making .*prepared from the same"),
    ):
        _make(tmp_path / "prepared")
