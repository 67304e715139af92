import fcntl
import threading

import pytest

from pipelines import artifacts, directory_lock


def test_a_lock_on_a_directory_that_was_replaced_meanwhile_is_none(tmp_path, monkeypatch):
    directory = tmp_path / "work"
    directory.mkdir()
    lock = fcntl.flock

    def replaced(descriptor, how):
        lock(descriptor, how)
        directory.rename(tmp_path / "moved")
        directory.mkdir()

    monkeypatch.setattr(fcntl, "flock", replaced)
    with pytest.raises(BlockingIOError), directory_lock.lock(directory):
        pass


def test_a_second_run_is_told_which_flag_to_change(tmp_path):
    with (
        directory_lock.hold(tmp_path / "work", "work_dir"),
        pytest.raises(
            artifacts.ArtifactError, match=r"Another run is working in .*/work; .* name another --work_dir\."
        ),
        directory_lock.hold(tmp_path / "work", "work_dir"),
    ):
        pytest.fail("Two runs worked in one directory.")


def test_a_run_that_waits_goes_on_when_the_other_has_ended(tmp_path):
    first, entered = directory_lock.lock(tmp_path), threading.Event()

    def wait():
        with directory_lock.lock(tmp_path, waits=True):
            entered.set()

    with first:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.wait(0.05)
    waiting.join(10.0)
    assert entered.is_set()
