import dataclasses
import json
import os

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import folding_models, job, study_folding
from tfrs_model.diagnostics import planted_groups

_PLANTED = planted_groups.PlantedGroups(2, 5, 14, 3)


def _separate(log, options, dose, seed):
    """Embeds groups apart at a dose, and without one so that the other group's first candidates come first."""
    queries = np.eye(2, dtype=np.float32)[_PLANTED.query_groups]
    candidates = np.eye(2, dtype=np.float32)[_PLANTED.candidate_groups]
    return folding_models.Embeddings(queries, candidates if dose else 1 - candidates)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(folding_models, "FITS", dict.fromkeys(folding_models.FITS, _separate))
    return study_folding.StudyFoldingConfig(str(tmp_path / "folding"), _PLANTED, num_seeds=2)


def test_the_study_says_what_folds_and_what_cures(config):
    result = study_folding.run(config)
    assert result["holds"]
    # Of 25 candidates that a query did not choose, 14 are of the other group.
    assert result["chance"] == pytest.approx(14 / 25)
    gravity = result["cures"]["gravity"]
    assert gravity["doses"][:2] == [
        {"dose": 0, "foreign_share": 1.0, "lowest": 1.0, "highest": 1.0},
        {"dose": 1, "foreign_share": 0.0, "lowest": 0.0, "highest": 0.0},
    ]
    assert result["full_softmax"]["foreign_share"] == 0.0


def test_the_study_writes_its_numbers_three_curves_and_six_maps(config):
    result = study_folding.run(config)
    names = sorted(os.listdir(config.output_dir))
    assert names == [
        "folding.json",
        "gravity.svg",
        *(
            f"map_{model}_{state}.svg"
            for model in ("cross_entropy", "factorisation", "squared_error")
            for state in ("cured", "folded")
        ),
        "negatives.svg",
        "unobserved_weight.svg",
    ]
    with open(f"{config.output_dir}/folding.json", encoding="utf-8") as file:
        assert json.load(file) == json.loads(json.dumps(result))


def test_one_seed_that_is_not_cured_is_no_cure(config, monkeypatch):
    def fails_once(log, options, dose, seed):
        return _separate(log, options, dose if seed else 0, seed)

    monkeypatch.setitem(folding_models.FITS, "gravity", fails_once)
    result = study_folding.run(config)
    assert result["cures"]["gravity"]["doses"][1]["foreign_share"] == 0.5
    assert not result["cures"]["gravity"]["cures"]
    assert not result["holds"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"output_dir": ""}, "--output_dir must name a directory"),
        ({"num_seeds": 0}, "--folding_seeds must be >= 1, but is 0"),
        ({"planted": planted_groups.PlantedGroups(2, 5, 12, 3)}, "10 candidates of its own group left.*but has 9"),
    ],
)
def test_a_configuration_out_of_range_is_refused(config, changes, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        dataclasses.replace(config, **changes)


def test_one_group_is_refused_by_the_name_of_its_flag():
    with flagsaver.flagsaver(), pytest.raises(flags.IllegalFlagValueError, match="--folding_groups=1"):
        flags.FLAGS(["study_folding", "--folding_groups=1"])


def test_the_flags_are_the_defaults_of_the_configuration():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["study_folding"])
    with flagsaver.flagsaver(output_dir="somewhere"):
        assert study_folding.config_from_flags() == study_folding.StudyFoldingConfig("somewhere")
