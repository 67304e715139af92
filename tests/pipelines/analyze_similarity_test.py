import json
import pathlib
import re

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import analyze_similarity, job
from pipelines.analyze_similarity import AnalyzeSimilarityConfig
from pipelines.similarity_simulation import LinearSettings
from tfrs_model.diagnostics.clustered_interactions import ClusteredInteractionsConfig

_LAW = ClusteredInteractionsConfig(300, 30, 3, max_interactions=20)
_SETTINGS = LinearSettings(width=5, product_penalty=100.0, factor_penalty=5.0)


def _written(directory):
    return {each.relative_to(directory): each.read_bytes() for each in directory.rglob("*") if each.is_file()}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    output = tmp_path_factory.mktemp("similarity") / "simulated"
    return output, analyze_similarity.run(AnalyzeSimilarityConfig(str(output), _LAW, settings=_SETTINGS))


def test_one_command_writes_five_maps_the_figures_and_a_page_with_all_of_them(simulated):
    output, result = simulated
    maps = sorted((output / "heat_maps").iterdir())
    assert [each.name for each in maps] == [f"{each['name']}.png" for each in result["simulation"]["maps"]]
    assert len(maps) == 5
    assert json.loads((output / "similarity.json").read_text()) == json.loads(json.dumps(result))
    page = (output / "similarity.html").read_text()
    assert len(re.findall(r'<img src="data:image/png;base64,', page)) == 5


def test_the_same_seed_writes_the_same_bytes(simulated, tmp_path):
    output, _ = simulated
    analyze_similarity.run(AnalyzeSimilarityConfig(str(tmp_path), _LAW, settings=_SETTINGS))
    assert _written(tmp_path) == _written(output)


def test_a_model_is_analysed_beside_others_without_a_simulation(line, tmp_path):
    config = AnalyzeSimilarityConfig(
        str(tmp_path), None, line.prepared_dir, line.model_dir, (line.model_dir,), linear_remedies=False
    )
    result = analyze_similarity.run(config)
    assert result["split"] == "validation"
    assert [each["similarity"] for each in result["models"]] == ["cosine", "cosine"]
    (overlap,) = result["models"][0]["neighbour_overlap_with"].values()
    assert overlap == 1.0
    page = pathlib.Path(tmp_path / "similarity.html").read_text()
    assert "In trained towers" in page
    assert "Where the truth is known" not in page


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"output_dir": ""}, "--output_dir must name a directory, but is empty"),
        ({}, "There is nothing to analyse; give --simulate, or --prepared_dir and --model_dir"),
        ({"model_dir": "m"}, "go together, but only --model_dir is given; name both"),
        ({"prepared_dir": "p"}, "go together, but only --prepared_dir is given; name both"),
        ({"law": _LAW, "other_model_dirs": ("m",)}, "are compared with --model_dir, which is empty; name it too"),
    ],
)
def test_a_command_that_asks_for_nothing_whole_is_refused(options, sentence):
    with pytest.raises(job.ConfigError, match=sentence):
        AnalyzeSimilarityConfig(**{"output_dir": "o", **options})


def test_flags_become_the_configuration_and_a_bad_simulation_one_sentence():
    flags.FLAGS(["test"], known_only=True)
    given = {"output_dir": "o", "simulate": True, "simulation_num_queries": 50, "simulation_num_candidates": 20}
    with flagsaver.flagsaver(**given):
        config = analyze_similarity.config_from_flags()
    assert (config.law.num_queries, config.law.num_candidates, config.law.max_interactions) == (50, 20, 20)
    with (
        flagsaver.flagsaver(**{**given, "simulation_num_queries": 0}),
        pytest.raises(job.ConfigError, match="describe no simulation: num_queries must be >= 1, but is 0"),
    ):
        analyze_similarity.config_from_flags()
