"""Planted sources for all tests, and a ledger of their own: no test may count as a look at a test split."""

import pytest

from benchmarks import test_split_ledger
from tests.benchmarks.quality import planted_sources


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    return planted_sources.write(tmp_path_factory.mktemp("sources") / "all")


@pytest.fixture(autouse=True)
def ledger(tmp_path, monkeypatch):
    """Returns the path of a ledger that is not there yet."""
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr(test_split_ledger, "_LEDGER", path)
    return path
