"""What a manager does as time goes by: folders that come back, other policies, requests that outlast versions."""

import shutil
import threading
import time

import numpy as np
import pytest

from serving import errors
from serving.server import version_loader, version_policy
from tests.serving import tiny_models
from tests.serving.server import managed


def test_a_policy_has_several_versions_serve_and_changes_while_they_do(base_path, start, half_plus_two_dir):
    for version in (1, 2, 3):
        tiny_models.publish(half_plus_two_dir, base_path, version)
    manager = start(policy=version_policy.Latest(2), poll_wait_seconds=0.0)
    assert manager.wait_until_available(60)
    # Settled: every version that is to serve does.
    assert managed.states(manager) == {3: "AVAILABLE", 2: "AVAILABLE"}
    assert manager.acquire().version == 3
    manager.set_policy(version_policy.Specific(frozenset({1, 2})))
    tiny_models.wait_until(lambda: manager.is_available(1) and not manager.is_available(3))
    assert managed.states(manager)[2] == "AVAILABLE"
    manager.set_policy(version_policy.All())
    tiny_models.wait_until(lambda: all(manager.is_available(version) for version in (1, 2, 3)))
    # Nothing that is named is there: what serves goes on.
    manager.set_policy(version_policy.Specific(frozenset({9})))
    tiny_models.publish(half_plus_two_dir, base_path, 8)
    manager.set_policy(version_policy.Specific(frozenset({8, 9})))
    tiny_models.wait_until(lambda: manager.is_available(8) and not manager.is_available(1))


def test_a_version_that_was_named_has_no_stand_in(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(policy=version_policy.Specific(frozenset({2})))
    with pytest.raises(errors.FailedPreconditionError, match="version 2 could not be loaded"):
        manager.wait_until_available(60)
    assert managed.states(manager) == {2: "END"}


def test_a_caller_in_a_hurry_hears_of_the_first_failure(base_path, start):
    (base_path / "1").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=3600.0)
    with pytest.raises(errors.FailedPreconditionError, match="version 1 could not be loaded"):
        manager.wait_until_available(60, is_retried=False)
    assert not manager.wait_until_available(0.05)


def test_the_old_version_serves_as_long_as_the_new_one_takes_to_load(base_path, start, half_plus_two_dir):
    gate = threading.Event()

    def load(options, version, model_dir):
        assert version == 1 or gate.wait(60)
        return version_loader.load_version(options, version, model_dir)

    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start(load)
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    assert managed.answer(manager) == 2.0
    gate.set()
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "AVAILABLE"})


def test_a_version_that_comes_back_under_its_number_is_loaded_anew(
    base_path, start, half_plus_two_dir, half_plus_three_dir
):
    first = tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    shutil.rmtree(first)
    tiny_models.wait_until(lambda: manager._replaced)
    assert managed.answer(manager) == 2.0
    tiny_models.publish(half_plus_three_dir, base_path, 1)
    tiny_models.wait_until(lambda: managed.answer(manager) == 3.0)
    assert managed.states(manager) == {1: "AVAILABLE"}


def test_a_failed_version_that_is_not_wanted_any_more_costs_nothing(base_path, start, half_plus_two_dir):
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=0.2, poll_wait_seconds=3600.0)
    tiny_models.wait_until(lambda: manager.statuses())
    tiny_models.publish(half_plus_two_dir, base_path, 3)
    manager.set_policy(version_policy.Latest())
    tiny_models.wait_until(lambda: manager.is_available(3))
    # Long after the retry of 2 was due, the thread waits for the next look at the disk.
    time.sleep(0.5)
    assert manager._seconds_until_next_work() > 3000.0


def test_a_failed_version_whose_folder_goes_away_is_at_its_end(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=3600.0)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    (base_path / "2").rmdir()
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "AVAILABLE", 2: "END"})
    assert "Could not find SavedModel" in str(managed.error_of(manager, 2))


def test_an_empty_base_path_is_waited_for_and_said(base_path, start, half_plus_two_dir, caplog):
    manager = start()
    assert not manager.wait_until_available(0.1)
    assert f"Model tiny waits for a version: no folder named by an integer under {base_path}" in caplog.text
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    assert manager.wait_until_available(60)


def test_a_base_path_that_goes_away_leaves_the_model_serving(base_path, start, half_plus_two_dir, caplog):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    base_path.rename(base_path.with_name("elsewhere"))
    tiny_models.wait_until(lambda: "Model tiny keeps serving version 1: cannot list" in caplog.text)
    assert managed.answer(manager) == 2.0
    base_path.with_name("elsewhere").rename(base_path)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "AVAILABLE"})


def test_zero_seconds_between_polls_means_one_look(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start(poll_wait_seconds=0.0)
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    time.sleep(0.2)
    assert managed.states(manager) == {1: "AVAILABLE"}


def test_stopping_waits_for_requests_as_long_as_the_grace_time(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    stopping = threading.Thread(target=manager.stop, args=[10.0])
    stopping.start()
    time.sleep(0.1)
    assert stopping.is_alive()
    manager.release(lent)
    stopping.join(5)
    assert not stopping.is_alive()
    assert managed.states(manager) == {1: "END"}


def test_a_version_in_use_beyond_the_grace_time_is_left_alone(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    assert not manager.stop(grace_seconds=0.05)
    assert managed.states(manager) == {1: "UNLOADING"}
    assert lent.run("", {"x": np.zeros([1, 1], np.float32)})["y"].item() == 2.0
    manager.release(lent)
    assert manager.stop(grace_seconds=60.0)
