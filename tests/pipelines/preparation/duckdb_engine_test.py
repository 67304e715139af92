import pytest

from pipelines.preparation.duckdb_engine import DuckDbEngine
from pipelines.preparation.errors import PreparationError


def test_a_memory_limit_that_is_none_is_a_sentence(tmp_path):
    with pytest.raises(PreparationError, match="failed while opening the engine"):
        DuckDbEngine(tmp_path, "many")
