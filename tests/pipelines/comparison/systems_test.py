import json

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
    assert len(system.parameter_sets) == 2 * 3 * 3
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
    assert systems.find(_file(tmp_path, {"baseline": "softmax_dnn", "num_epochs": 2})).kind == "softmax_dnn"


def test_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(job.ConfigError, match=r"must name baselines .*, but 'eas' is none of them"):
        systems.find("eas")
    with pytest.raises(job.ConfigError, match=r'"baseline" in .* must be one of popularity, .* but is \'eas\''):
        systems.find(_file(tmp_path, {"baseline": "eas"}))


def test_a_parameter_that_a_baseline_has_not_is_refused():
    with pytest.raises(job.ConfigError, match="EaseR has no parameter 'rank'; it has penalty"):
        baselines.BASELINES["ease"].fit(None, {"rank": 3}, 0)
    with pytest.raises(job.ConfigError, match="Popularity has no parameter 'rank'; it has none"):
        baselines.BASELINES["popularity"].fit(None, {"rank": 3}, 0)
