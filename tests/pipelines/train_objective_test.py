import numpy as np
import pytest

from pipelines import job, train, training_config, training_refusals
from tests.pipelines import conftest


def _job(line, model_dir, **options):
    training = {**conftest.TRAINING_OPTIONS, "early_stop_patience": 0, "dropout": 0.3, **options}
    return train.TrainJobConfig(line.prepared_dir, str(model_dir), training_config.training_config(training))


@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.0, 2.0], [-0.5, 1.0]])
def test_weights_that_are_no_labels_are_refused_before_anything_is_trained(weights):
    with pytest.raises(
        job.ConfigError, match="reads the weights as labels in \\[0, 1\\] that differ, but they are from"
    ):
        training_refusals.require_labels(np.array(weights, np.float32))
    training_refusals.require_labels(np.array([0.0, 0.5, 1.0], np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"similarity": "dot", "negatives": "per_row", "num_row_negatives": 4, "log_q_correction": "none"},
        {"similarity": "euclidean", "num_uniform_negatives": 4, "bank_size": 16, "num_corpus_hard_negatives": 4},
    ],
    ids=["dot", "euclidean"],
)
def test_a_run_with_other_negatives_resumes_to_the_bits_of_an_undisturbed_one(line, tmp_path, options):
    train.run(_job(line, tmp_path / "whole", num_epochs=2, **options))
    for num_epochs in (1, 2):
        train.run(_job(line, tmp_path / "resumed", num_epochs=num_epochs, **options))
    for expected, actual in zip(
        conftest.tower_weights(tmp_path / "whole"), conftest.tower_weights(tmp_path / "resumed"), strict=True
    ):
        np.testing.assert_array_equal(expected, actual)
