import pytest

from benchmarks import own_process
from benchmarks.index import sizes
from pipelines import machine


@pytest.fixture
def measured(monkeypatch):
    """Processes that answer at once; gives what was asked of them."""
    asked = []

    def measure(module, *arguments):
        asked.append((module, *arguments[:-1]))
        return {"index_recall_at_10": 0.97} if module.endswith("exported") else {"milliseconds": 1.0}

    monkeypatch.setattr(own_process, "measure", measure)
    return asked


def test_each_kind_is_exported_and_loaded_over_each_size(measured):
    result = sizes.measure([1000, 2000], ["scann"])
    assert measured == [
        ("benchmarks.index.exported", "scann", 1000),
        ("benchmarks.index.loaded",),
        ("benchmarks.index.exported", "scann", 2000),
        ("benchmarks.index.loaded",),
    ]
    assert result["holds"]
    assert result["rows"][1] == {
        "candidates": 2000,
        "index": "scann",
        "index_recall_at_10": 0.97,
        "milliseconds": 1.0,
    }


def test_what_memory_does_not_allow_is_said_and_not_measured(measured, monkeypatch):
    monkeypatch.setattr(machine, "available_memory_bytes", lambda: 2 << 30)
    result = sizes.measure([1000, 4_000_000], ["scann"])
    # Twelve times 4,000,000 x 64 numbers of 4 bytes.
    assert result["rows"][1]["left_out"] == "needs about 11 GiB, 2 GiB are free"
    assert len(measured) == 2


def test_an_index_that_misses_what_it_was_tuned_to_does_not_hold(measured, monkeypatch):
    monkeypatch.setattr(own_process, "measure", lambda *unused: {"index_recall_at_10": 0.94})
    assert not sizes.measure([1000], ["partitioned"])["holds"]
