import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.preparation.engine import DuckDbEngine


@pytest.fixture
def engine(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with DuckDbEngine(scratch) as opened:
        yield opened


@pytest.fixture
def as_table(engine, tmp_path):
    """Returns a function that turns columns into an engine table."""

    def build(columns, name="given"):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        return engine.read_parquet([path])

    return build
