"""What Spark needs, without starting it; PySpark is an extra, so these are drills."""

import subprocess
import sys

import pytest

from pipelines.preparation.errors import PreparationError

pytestmark = pytest.mark.drill


@pytest.fixture
def spark_session():
    from pipelines.preparation import spark_session

    return spark_session


@pytest.mark.parametrize(("size", "mebibytes"), [("1GiB", 1024), ("1GB", 953), ("2000 MB", 1907), ("1TB", 953_674)])
def test_a_memory_limit_is_given_to_java_in_mebibytes(spark_session, size, mebibytes):
    assert spark_session.driver_mebibytes(size) == mebibytes


def test_a_limit_below_what_the_driver_needs_is_refused(spark_session):
    with pytest.raises(PreparationError, match="--engine_memory_limit=100MB is less than Spark's driver needs, 512MiB"):
        spark_session.driver_mebibytes("100MB")


def test_without_java_the_package_to_install_is_named(spark_session, tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PreparationError, match=r"needs Java 17 or newer, but there is no `java` on the PATH; install"):
        spark_session.require_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(PreparationError, match=r"but JAVA_HOME=.* has no working bin/java; install Java 17 \(Debian"):
        spark_session.require_java()


def test_an_old_java_is_refused(spark_session, tmp_path, monkeypatch):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_412\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(PreparationError, match=r"needs Java 17 or newer, but .*java is Java 8; install Java 17"):
        spark_session.require_java()


def test_a_master_that_cannot_be_reached_is_a_sentence_and_leaves_nothing(tmp_path):
    (tmp_path / "log.csv").write_text("query_id,candidate_id,timestamp\n" + "a,b,1\na,c,2\na,d,3\n")
    command = [
        sys.executable,
        "-m",
        "pipelines.prepare_data",
        f"--interactions={tmp_path / 'log.csv'}",
        "--engine=spark",
    ]
    command += [f"--prepared_dir={tmp_path / 'prepared'}", "--spark_master=nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ERROR: Spark does not start with --spark_master=nowhere: " in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv"]
