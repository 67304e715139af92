import json
import re

import pytest

from pipelines import job
from pipelines.comparison import baselines, systems


def _file(tmp_path, value):
    path = tmp_path / "system.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_a_baseline_is_found_with_all_combinations_of_its_choices():
    system = systems.find("als")
    assert system.is_seeded
    choices = baselines.BASELINES["als"].choices
    assert len(system.parameter_sets) == 2 * 3 * 3 * 2
    # What is shown of a query counts where it is folded in alone; validation says whether.
    assert {each["folds_in"] for each in system.parameter_sets} == {False, True}
    assert system.parameter_sets[0] == {name: values[0] for name, values in choices.items()}
    assert systems.find("popularity").parameter_sets == ({},)


@pytest.mark.parametrize("name", sorted(baselines.BASELINES))
def test_every_choice_of_every_baseline_is_one_that_it_takes(name):
    baseline = baselines.BASELINES[name]
    for parameters in baseline.parameter_sets:
        baseline.build(**parameters)


def test_a_file_says_which_baseline_and_fixes_its_parameters(tmp_path):
    system = systems.find(_file(tmp_path, {"baseline": "als", "gravity": 0.5}), "training")
    assert (system.kind, system.parameter_sets) == ("als", ({"gravity": 0.5},))
    assert system.identity == {"history": "training"}


def test_a_shipped_configuration_and_a_file_of_options_are_trained(tmp_path):
    assert systems.find("movielens_100k").kind == "two-tower"
    system = systems.find(_file(tmp_path, {"num_epochs": 2}))
    assert (system.kind, system.parameter_sets) == ("two-tower", ({"num_epochs": 2},))
    assert systems.find(_file(tmp_path, {"baseline": "softmax_dnn", "similarity": "dot"})).kind == "softmax_dnn"


def test_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(job.ConfigError, match=r"must name baselines .*, but 'eas' is none of them"):
        systems.find("eas")
    for baseline in ("eas", ["als"], None):
        with pytest.raises(job.ConfigError) as refused:
            systems.find(_file(tmp_path, {"baseline": baseline}))
        assert '"baseline" must be one of popularity, ' in str(refused.value)
        assert str(refused.value).endswith(f"but is {baseline!r}.")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"baseline": "ease"}, "EaseR needs penalty; add what is missing"),
        ({"baseline": "linear_product", "rank": 8}, "LinearAutoencoder needs objective and penalty"),
        ({"baseline": "ease", "penalty": "100"}, "penalty of EaseR must be of kind float, but is '100'"),
        ({"baseline": "ease", "penalty": True}, "penalty of EaseR must be of kind float, but is True"),
        ({"baseline": "als", "embedding_dim": 8.5}, "embedding_dim of WeightedAls must be of kind int, but is 8.5"),
        ({"baseline": "als", "folds_in": 1}, "folds_in of WeightedAls must be of kind bool, but is 1"),
        ({"baseline": "als", "regularization": 0}, "regularization must be finite and > 0, but is 0"),
        ({"baseline": "als", "seed": 3}, "WeightedAls has no parameter 'seed'; it has embedding_dim, "),
        ({"baseline": "ease", "rank": 3}, "EaseR has no parameter 'rank'; it has penalty"),
        ({"baseline": "popularity", "rank": 3}, "Popularity has no parameter 'rank'; it has none"),
        ({"num_epochs": "2"}, "--num_epochs must be of kind int, but is '2'"),
        ({"num_epoch": 2}, "Unknown training option 'num_epoch'"),
        ({"similarity": "dice"}, "similarity must be one of"),
        ({"learning_rate": -1.0}, "learning_rate must be"),
        ({"num_epochs": 2, "seed": 7}, "seed is that of --seeds_per_system"),
        ({"baseline": "softmax_dnn", "seed": 7}, "seed is that of --seeds_per_system"),
        ({"baseline": "softmax_dnn", "similarity": "cosine"}, "needs similarity=dot, but similarity is 'cosine'"),
        ({"baseline": "softmax_dnn", "similarity": "dot", "bank_size": 5}, "to which bank_size is nothing"),
    ],
)
def test_what_the_system_of_a_file_does_not_take_is_refused_before_anything_is_fitted(tmp_path, options, sentence):
    with pytest.raises(job.ConfigError, match=f"^--systems=.*system.json: .*{re.escape(sentence)}"):
        systems.find(_file(tmp_path, options))


def test_a_system_that_has_no_room_is_refused_before_anything_is_fitted(tmp_path):
    named = [systems.find(name) for name in ("popularity", "als", "co_occurrence", "ease")]
    # Four matrices of 100,000 squared float64 are 320 GB, of 10,000 squared 3.2 GB.
    with pytest.raises(job.ConfigError, match=r"--systems=ease takes 320.0 GB for .* 100,000 candidates, but 8.0 GB"):
        systems.require_memory(named, 100_000, 8_000_000_000)
    systems.require_memory(named[:3], 100_000, 8_000_000_000)
    systems.require_memory(named, 10_000, 3_200_000_000)
    systems.require_memory(named, 100_000, None)
    systems.require_memory(named, 100_000, 8_000_000_000, lambda system: system.name == "ease")
    factors = {"baseline": "linear_factors", "objective": "factors", "penalty": 1.0, "rank": 4}
    with pytest.raises(job.ConfigError, match=r"takes 240.0 GB"):
        systems.require_memory([systems.find(_file(tmp_path, factors))], 100_000, 8_000_000_000)
