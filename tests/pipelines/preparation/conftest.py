import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.preparation.engines import EngineOptions, open_engine


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """One Spark for all tests; each engine takes a session of its own."""
    from pipelines.preparation import spark_session

    with pytest.MonkeyPatch.context() as patch:
        # Two partitions are enough for a few rows.
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--conf spark.sql.shuffle.partitions=2 pyspark-shell")
        session, _ = spark_session.open_session(tmp_path_factory.mktemp("spark"), "2GB", "local[2]")
    yield session
    session.stop()


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.drill)])
def engine(request, tmp_path):
    if request.param == "spark":
        request.getfixturevalue("spark")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_engine(EngineOptions(request.param), scratch) as opened:
        yield opened


@pytest.fixture
def as_table(engine, tmp_path):
    """Returns a function that turns columns into an engine table."""

    def build(columns, name="given"):
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        return engine.read_parquet([path])

    return build
