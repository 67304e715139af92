import json
import shutil

import numpy as np
import pytest

from pipelines import frequency_calibration, model_directory, prepared_data, train, training_config
from tests.pipelines import conftest


def _train(line, model_dir, **options):
    options = {**conftest.TRAINING_OPTIONS, "num_epochs": 1, **options}
    train.run(train.TrainJobConfig(line.prepared_dir, str(model_dir), training_config.training_config(options)))


def test_the_estimate_of_a_training_run_is_near_the_shares_of_its_interactions(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    found = frequency_calibration.measure(line.model_dir, data)
    counts = data.training_counts()
    assert sum(each["num_ids"] for each in found["bins"]) == np.sum(counts > 0)
    assert found["num_unseen"] == np.sum(counts == 0)
    # Twelve epochs of 1,920 draws: a candidate with ten interactions is known to about a tenth.
    assert found["mean_log_error"] < 0.15
    shares = [each["observed"] for each in found["bins"]]
    assert shares == sorted(shares)
    assert min(counts[counts > 0]) / counts.sum() <= shares[0] <= shares[-1] <= max(counts) / counts.sum()


def test_the_stream_of_other_data_calibrates_nothing(line, tmp_path):
    shutil.copytree(line.prepared_dir, tmp_path / "newer")
    manifest = tmp_path / "newer" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "configuration": "another"}))
    newer = prepared_data.read_prepared_data(str(tmp_path / "newer"))
    assert frequency_calibration.measure(line.model_dir, newer) is None


def test_the_estimate_is_the_one_that_was_counted(line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    estimate = frequency_calibration.restore(line.model_dir)
    ids = data.candidate_ids.astype(str)
    estimated = estimate.sampling_probability(ids).numpy()
    assert np.corrcoef(estimated, data.training_counts())[0, 1] > 0.99


def test_without_the_correction_there_is_nothing_to_calibrate(line, tmp_path):
    _train(line, tmp_path / "plain", log_q_correction="none")
    data = prepared_data.read_prepared_data(line.prepared_dir)
    assert frequency_calibration.measure(tmp_path / "plain", data) is None


def test_without_the_checkpoints_of_training_nothing_is_left_to_calibrate(line, tmp_path):
    _train(line, tmp_path / "model")
    for path in model_directory.ModelPaths(tmp_path / "model").checkpoints.iterdir():
        path.unlink()
    assert frequency_calibration.restore(tmp_path / "model") is None


def test_a_damaged_checkpoint_is_refused(line, tmp_path):
    _train(line, tmp_path / "model")
    for path in model_directory.ModelPaths(tmp_path / "model").checkpoints.glob("*.index"):
        path.write_bytes(b"no checkpoint")
    with pytest.raises(model_directory.ModelDirectoryError, match="is damaged, incomplete or gone"):
        frequency_calibration.restore(tmp_path / "model")
