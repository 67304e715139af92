import datetime

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.daily_training import progressive
from benchmarks.daily_training.sliced_log import SlicedLog
from pipelines import train
from tfrs_model import schema as schema_lib

_RECIPE = progressive.Recipe(
    {"embedding_dim": 8, "batch_size": 16, "num_epochs": 2, "early_stop_patience": 0}, {"num_epochs": 1}
)


def _log() -> SlicedLog:
    """Twelve queries choose one candidate an hour for three days; on the second a new one comes, which all choose."""
    rows = [(f"q{each}", f"c{(4 * each + hour) % 30}", hour, 0) for each in range(12) for hour in range(4)]
    rows += [(f"q{each}", "new", 24 + each, 1) for each in range(12)]
    rows += [(f"q{each}", "new", 48 + each, 2) for each in range(12)]
    queries, candidates, hours, slices = zip(*rows, strict=True)
    times = [datetime.datetime(2026, 1, 1) + datetime.timedelta(hours=each) for each in hours]
    log = pa.table({"query_id": queries, "candidate_id": candidates, "timestamp": times})
    return SlicedLog(log, np.array(slices), schema_lib.Schema())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("progressive")
    return directory, _run(directory)


def _run(directory):
    return progressive.run(_log(), _RECIPE, lambda number: progressive.SYSTEMS, directory, {"log": "planted"})


def test_every_slice_is_asked_of_every_system_before_it_is_learned(run):
    _, (first, second) = run
    assert set(first) == set(second) == set(progressive.SYSTEMS)
    assert first["warm"].figures["new_candidates"] == 30
    assert second["warm"].figures["new_candidates"] == 1
    # Nobody had chosen the new candidate before the first slice: 30 others are ahead. Then it is the first of all.
    assert first["popularity"].figures == {"recall": 0.0, "num_interactions": 12}
    assert second["popularity"].figures == {"recall": 1.0, "num_interactions": 12}


def test_the_model_that_stays_is_the_first_one_that_goes_on(run):
    _, (first, _) = run
    np.testing.assert_array_equal(first["frozen"].arrays["is_hit"], first["warm"].arrays["is_hit"])


def test_going_on_makes_the_steps_of_the_new_slice_alone(run):
    _, (first, second) = run
    # 48 interactions in batches of 16 for 2 epochs; then 12 for one; trained again, 60 for 2.
    steps = (first["warm"], second["warm"], second["retrained"])
    assert [each.figures["num_steps"] for each in steps] == [6, 1, 8]


def test_what_is_kept_is_not_made_again_and_what_is_lost_is(run, monkeypatch):
    directory, before = run
    (directory / "results" / "02_popularity.json").unlink()
    monkeypatch.setattr(train, "run", lambda *arguments: pytest.fail("trained again"))
    again = _run(directory)
    assert [{name: each.figures for name, each in of.items()} for of in again] == [
        {name: each.figures for name, each in of.items()} for of in before
    ]
    assert (directory / "results" / "02_popularity.json").exists()
