import sys

import pytest

from pipelines.preparation.engines import EngineOptions, open_engine
from pipelines.preparation.errors import PreparationError


def test_duckdb_is_the_engine_unless_another_is_asked_for(tmp_path):
    with open_engine(EngineOptions(), tmp_path) as engine:
        assert type(engine).__name__ == "DuckDbEngine"


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(PreparationError, match="--engine must be one of duckdb, spark, but is 'polars'"):
        open_engine(EngineOptions("polars"), tmp_path)


def test_without_pyspark_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(
        PreparationError, match=r"needs PySpark, which is not installed; install the extra `spark` \(pip"
    ):
        open_engine(EngineOptions("spark"), tmp_path)
