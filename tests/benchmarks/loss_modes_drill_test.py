import numpy as np
import pytest

from benchmarks import loss_modes
from pipelines import artifacts, prepare_data
from tests import planted_log
from tests.pipelines import conftest

pytestmark = pytest.mark.drill


def test_a_mode_that_was_trained_is_kept(tmp_path, line_of_two_epochs):
    config, mode, prepared_dir = line_of_two_epochs
    first = loss_modes._run_once(config, mode, 0, prepared_dir, tmp_path)
    (kept,) = tmp_path.glob("*/0/validation.json")
    written = kept.stat().st_mtime_ns
    again = loss_modes._run_once(config, mode, 0, prepared_dir, tmp_path)
    assert kept.stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.ranks, again.ranks)
    options = artifacts.read_json(kept)["origin"]["options"]
    assert (options["objective"], options["similarity"], options["temperature"]) == ("huber", "dot", 0.5)


@pytest.fixture
def line_of_two_epochs(tmp_path_factory):
    root = tmp_path_factory.mktemp("planted")
    prepare_data.run(conftest.prepare_config(planted_log.write(root / "raw"), root / "prepared"))
    options = {"embedding_dim": 8, "num_epochs": 1, "batch_size": 512}
    mode = loss_modes.Mode("huber", "dot", "none", 0.5)
    return loss_modes.LossModesConfig("work", options=options), mode, str(root / "prepared")
