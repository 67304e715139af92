"""Versions that come, go and fail, under a manager that polls a real folder with real models."""

import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from serving import errors
from serving.server import version_loader
from tests.serving import tiny_models
from tests.serving.server import managed


def test_the_newest_version_serves(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 9)
    tiny_models.publish(half_plus_three_dir, base_path, 10)
    manager = start()
    assert manager.wait_until_available(60)
    assert managed.answer(manager) == 3.0
    assert manager.acquire(9) is None
    assert managed.states(manager) == {10: "AVAILABLE"}


def test_a_new_version_replaces_the_old_one(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    tiny_models.publish(half_plus_three_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {2: "AVAILABLE", 1: "END"})
    assert managed.answer(manager) == 3.0
    assert managed.error_of(manager, 1) is None


def test_taking_the_newest_version_away_goes_back_to_the_one_before(
    base_path, start, half_plus_two_dir, half_plus_three_dir
):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    newest = tiny_models.publish(half_plus_three_dir, base_path, 2)
    manager = start()
    assert manager.wait_until_available(60)
    shutil.rmtree(newest)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "AVAILABLE", 2: "END"})
    assert managed.answer(manager) == 2.0


def test_an_old_version_stays_until_its_last_request_is_done(base_path, start, half_plus_two_dir, half_plus_three_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    lent = manager.acquire()
    tiny_models.publish(half_plus_three_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {2: "AVAILABLE", 1: "UNLOADING"})
    time.sleep(0.1)
    assert managed.states(manager)[1] == "UNLOADING"
    assert float(lent.run("", {"x": np.zeros([1, 1], np.float32)})["y"][0, 0]) == 2.0
    manager.release(lent)
    tiny_models.wait_until(lambda: managed.states(manager)[1] == "END")


@pytest.mark.parametrize(
    "damage", ["empty folder", "cut saved_model.pb", "no variables", "failing warm-up", "wrong op"]
)
def test_a_broken_version_never_replaces_a_good_one(base_path, start, half_plus_two_dir, tmp_path, damage):
    broken = shutil.copytree(half_plus_two_dir, tmp_path / "broken")
    if damage == "empty folder":
        shutil.rmtree(broken)
        broken.mkdir()
    elif damage == "cut saved_model.pb":
        (broken / "saved_model.pb").write_bytes((broken / "saved_model.pb").read_bytes()[:100])
    elif damage == "no variables":
        shutil.rmtree(broken / "variables")
    elif damage == "wrong op":
        content = (broken / "saved_model.pb").read_bytes()
        (broken / "saved_model.pb").write_bytes(content.replace(b"AddV2", b"AddV9"))
    else:
        (broken / "assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(broken / "assets.extra" / "tf_serving_warmup_requests")) as writer:
            writer.write(b"\xff\xff")
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    manager = start()
    assert manager.wait_until_available(60)
    tiny_models.publish(broken, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "AVAILABLE", 2: "END"})
    assert managed.error_of(manager, 2) is not None
    assert managed.answer(manager) == 2.0
    # And the next good one does replace it.
    tiny_models.publish(half_plus_two_dir, base_path, 3)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "END", 3: "AVAILABLE"})


def test_after_a_restart_the_last_good_version_stands_in_for_a_broken_one(base_path, start, half_plus_two_dir):
    tiny_models.publish(half_plus_two_dir, base_path, 1)
    (base_path / "2").mkdir()
    manager = start(max_num_load_retries=5, load_retry_interval_seconds=60.0)
    assert manager.wait_until_available(60)
    assert managed.states(manager) == {1: "AVAILABLE", 2: "LOADING"}
    assert "Could not find SavedModel" in str(managed.error_of(manager, 2))


def test_a_version_that_is_still_being_written_is_tried_again(base_path, start, half_plus_two_dir):
    (base_path / "1").mkdir()
    manager = start(max_num_load_retries=1_000_000, load_retry_interval_seconds=0.05)
    tiny_models.wait_until(lambda: manager.statuses() and managed.error_of(manager, 1))
    assert managed.states(manager) == {1: "LOADING"}
    shutil.copytree(half_plus_two_dir, base_path / "1", dirs_exist_ok=True)
    assert manager.wait_until_available(60)
    assert managed.error_of(manager, 1) is None


def test_a_version_is_tried_once_and_then_as_often_as_there_are_retries(base_path, start):
    attempts = []

    def load(options, version, model_dir):
        attempts.append(version)
        raise errors.DataLossError("torn")

    (base_path / "1").mkdir()
    manager = start(load, max_num_load_retries=2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END"})
    time.sleep(0.1)
    assert attempts == [1, 1, 1]
    assert str(managed.error_of(manager, 1)) == "torn"


def test_a_failed_folder_that_comes_back_is_tried_again(base_path, start, half_plus_two_dir):
    (base_path / "1").mkdir()
    (base_path / "2").mkdir()
    manager = start()
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "END"})
    (base_path / "2").rmdir()
    time.sleep(0.1)
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "AVAILABLE"})


def test_a_defect_in_the_loader_is_a_status_and_not_the_end_of_the_manager(base_path, start, half_plus_two_dir):
    def load(options, version, model_dir):
        if version == 1:
            raise KeyError("surprise")
        return version_loader.load_version(options, version, model_dir)

    (base_path / "1").mkdir()
    manager = start(load)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END"})
    assert str(managed.error_of(manager, 1)) == "KeyError: 'surprise'"
    tiny_models.publish(half_plus_two_dir, base_path, 2)
    tiny_models.wait_until(lambda: managed.states(manager) == {1: "END", 2: "AVAILABLE"})


def test_when_no_version_can_be_loaded_the_wait_ends_with_the_reason(base_path, start):
    (base_path / "4").mkdir()
    manager = start()
    with pytest.raises(errors.FailedPreconditionError) as refusal:
        manager.wait_until_available(60)
    assert str(refusal.value).startswith(
        "Model tiny did not become available: version 4 could not be loaded (NOT_FOUND: Could not find SavedModel"
    )
    assert str(refusal.value).endswith(f"Mend or remove the folders under {base_path}.")
