"""Holds that every expectation says where it is from, and that nothing is listed as failing that is not there."""

import importlib
import pathlib
import types

import pytest

from tests.conformance import citations, conftest, deviations
from tests.conformance.citations import Source, cite, cites

_FOLDER = pathlib.Path(__file__).parent
# What holds for the suite itself is from nowhere else.
_ABOUT_THE_SUITE = ("citations_test", "export_models_test")
_MODULES = sorted(path.stem for path in _FOLDER.glob("*_test.py") if path.stem not in _ABOUT_THE_SUITE)


@pytest.mark.parametrize("name", _MODULES)
def test_every_expectation_says_where_it_is_from(name):
    assert citations.uncited_tests(importlib.import_module(f"tests.conformance.{name}")) == []


def _planted(**members):
    module = types.ModuleType("planted")
    vars(module).update(members)
    return module


def test_a_test_without_a_source_and_a_row_without_one_are_found():
    @cites(Source.API_REST, "Predict API")
    def test_cited():
        pass

    def test_bare():
        pass

    rows = [types.SimpleNamespace(citation=cite(Source.API_REST, "Predict API")), types.SimpleNamespace(citation="")]

    @pytest.mark.parametrize("row", rows)
    def test_half_of_the_rows(row):
        pass

    @pytest.mark.parametrize("row", rows[:1])
    def test_rows(row):
        pass

    planted = _planted(
        test_cited=test_cited, test_bare=test_bare, test_rows=test_rows, test_half_of_the_rows=test_half_of_the_rows
    )
    found = citations.uncited_tests(planted)
    assert [sentence.split()[0] for sentence in found] == ["planted.test_bare", "planted.test_half_of_the_rows"]


def test_a_citation_names_a_place_in_a_known_file():
    assert cite(Source.JSON_TENSOR, "ParseJson") == "tensorflow_serving/util/json_tensor.cc: ParseJson"
    with pytest.raises(ValueError, match="names a place in tensorflow_serving/util/json_tensor"):
        cite(Source.JSON_TENSOR, " ")
    with pytest.raises(ValueError, match="not a valid Source"):
        cite("serving/server/rest_api.py", "RestApi")


def test_what_is_known_to_fail_is_there():
    for beginning in conftest.NOT_YET:
        file, _, test = beginning.partition("::")
        module = importlib.import_module(f"tests.conformance.{file.removesuffix('.py')}")
        assert not test or hasattr(module, test.partition("[")[0]), beginning


def test_a_deviation_is_one():
    names = [each.name for each in deviations.DEVIATIONS]
    assert len(set(names)) == len(names)
    for each in deviations.DEVIATIONS:
        assert each.ours != each.upstream, each.name
        assert each.why.endswith("."), each.name
