import numpy as np
import pytest
import tensorflow as tf

from pipelines import export, model_directory
from serving import saved_model
from tests import planted_log
from tests.pipelines import next_day, training_drill_test

# One after another in one directory: where the run dies, and at which time that it passes there.
_DEATHS = (
    "half of learned.json:1",
    "description written:1",
    "half of checkpoints:1",
    "checkpoints written:1",
    "step:2",
    "half of best:1",
)


@pytest.mark.drill
def test_a_killed_warm_start_ends_with_the_bits_of_an_undisturbed_one_and_serves_what_is_new(line, tmp_path):
    first = tmp_path / "first"
    training_drill_test.train("interactions", line.prepared_dir, first)
    prepared_dir = next_day.prepare(tmp_path)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    going_on = f"interactions@{first}"
    training_drill_test.train(going_on, prepared_dir, undisturbed)
    training_drill_test.train(going_on, prepared_dir, killed, *_DEATHS)
    for part in ("checkpoints", "best"):
        folders = (getattr(model_directory.ModelPaths(each), part) for each in (undisturbed, killed))
        expected, found = map(training_drill_test.values, folders)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(value, found[name], err_msg=name)
    _require_served(prepared_dir, killed, tmp_path / "served" / "shop")


def _require_served(prepared_dir, model_dir, export_dir) -> None:
    """Asks an export of the same day for the candidate that came new, with a row of its own, and by the new query."""
    num_candidates = planted_log.NUM_CANDIDATES + 1
    config = export.ExportConfig(prepared_dir, str(model_dir), str(export_dir), "brute_force", 20, max_k=num_candidates)
    served = saved_model.load_saved_model(export.run(config).version_dir)
    answer = served["serving_default"](
        query_id=[next_day.NEW_QUERY, "shopper-0"], history=[["item-4"], ["item-4"]], k=[num_candidates]
    )
    for row in answer["candidate_ids"].numpy():
        assert next_day.NEW_CANDIDATE.encode() in row.tolist()
    embed = served["embed_candidates"]
    features = {"tags": [["group0", "all"]] * 2, "price": [120.0] * 2}
    known, unknown = embed(candidate_id=[next_day.NEW_CANDIDATE, "item-unknown"], **features)["embedding"].numpy()
    assert np.linalg.norm(known - unknown) > 0.1
    assert tf.train.latest_checkpoint(model_directory.ModelPaths(model_dir).checkpoints).endswith("-3")
