import numpy as np
import pytest

from pipelines import similarity_simulation
from pipelines.similarity_simulation import LinearSettings
from tfrs_model.diagnostics.clustered_interactions import ClusteredInteractionsConfig

_LAW = ClusteredInteractionsConfig(1000, 60, 3, max_interactions=30)
_SETTINGS = LinearSettings(width=8, product_penalty=100.0, factor_penalty=5.0)


@pytest.fixture(scope="module")
def found():
    steps = []
    result, maps = similarity_simulation.analyze(_LAW, _SETTINGS, lambda: steps.append(1))
    assert len(steps) == similarity_simulation.NUM_STEPS
    return result, maps


def test_there_are_five_maps_the_first_being_the_truth(found):
    result, maps = found
    assert [each.name for each in maps] == [each["name"] for each in result["maps"]]
    assert [each.name[0] for each in maps] == ["1", "2", "3", "4", "5"]
    assert set(np.unique(maps[0].similarities)) == {0.0, 1.0}
    assert result["maps"][0]["block_contrast"] == pytest.approx(1.0)


def test_maps_of_one_model_differ_though_its_scores_do_not(found):
    result, maps = found
    assert result["largest_score_difference_under_scales"] < 1e-10
    assert np.max(np.abs(maps[1].similarities - maps[2].similarities)) > 0.2
    assert np.max(np.abs(maps[2].similarities - maps[3].similarities)) > 0.05


def test_scales_move_the_contrast_of_factors_and_not_that_of_the_prediction(found):
    ranges = {
        each["remedy"]: each["block_contrast_under_random_scales"]
        for each in found[0]["remedies"]
        if "block_contrast_under_random_scales" in each
    }
    low, high = ranges["objective 1"]
    assert high - low > 0.05
    low, high = ranges["objective 1, back-projected"]
    assert high - low < 1e-10


def test_every_remedy_is_measured_and_those_trained_on_a_length_free_score_have_no_freedom(found):
    remedies = {each["remedy"]: each for each in found[0]["remedies"]}
    assert len(remedies) == 10
    for score in ("cosine", "layer norm"):
        assert "block_contrast_under_random_scales" not in remedies[f"softmax trained on {score}"]
    assert all(each["block_contrast"] > 0.0 for each in remedies.values())
