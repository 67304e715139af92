import pytest

from pipelines import machine
from pipelines.preparation.duckdb_engine import DuckDbEngine
from pipelines.preparation.errors import PreparationError


def test_a_memory_limit_that_is_none_is_a_sentence(tmp_path):
    with pytest.raises(PreparationError, match="failed while opening the engine"):
        DuckDbEngine(tmp_path, "many")


def _limit_of(opened) -> str:
    return opened._backend.raw_sql("SELECT current_setting('memory_limit')").fetchone()[0]


@pytest.mark.parametrize(
    ("threads", "available", "limit"),
    [
        (1, None, "1.3 GiB"),  # 1.5e9 bytes: two threads' worth.
        (8, None, "5.5 GiB"),  # 8 x 0.75e9 bytes.
        (8, 5_000_000_000, "3.7 GiB"),  # Four fifths of 5e9 bytes.
    ],
)
def test_the_memory_grows_with_the_threads_up_to_what_is_free(monkeypatch, tmp_path, threads, available, limit):
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: available)
    monkeypatch.setattr(DuckDbEngine, "_num_threads", lambda self: threads)
    with DuckDbEngine(tmp_path) as opened:
        assert _limit_of(opened) == limit
    with DuckDbEngine(tmp_path, "2GiB") as opened:
        assert _limit_of(opened) == "2.0 GiB"
