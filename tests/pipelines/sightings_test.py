import pyarrow.parquet as pq
import pytest

from pipelines import prepared_data, sightings
from tests.pipelines import conftest

_SECOND = 1_000_000


@pytest.fixture(scope="module")
def data(line: conftest.Line):
    return prepared_data.read_prepared_data(line.prepared_dir)


def test_values_and_counts_are_those_that_preparation_wrote(data):
    found = sightings.of_training(data)
    written = {each.stem: pq.read_table(each).to_pydict() for each in data.paths.vocabularies.iterdir()}
    assert {table: {"value": list(each.values), "count": each.counts.tolist()} for table, each in found.items()} == (
        written
    )


def test_a_value_was_last_seen_when_the_newest_interaction_carried_it(data):
    examples = data.examples("train")
    ids = data.candidate_ids[examples.candidate_rows]
    expected = {}
    for candidate_id, moment in zip(ids.tolist(), examples.timestamps.tolist(), strict=True):
        expected[candidate_id] = max(moment, expected.get(candidate_id, 0))
    found = sightings.of_training(data)["candidate_id"].as_dict()
    assert {value: last_seen for value, (_, last_seen) in found.items()} == expected


def test_a_list_counts_once_an_interaction_and_only_the_examples_given_count(data):
    examples = data.examples("train")
    newest = examples.timestamps == examples.timestamps.max()
    few = examples.take(newest.nonzero()[0])
    found = sightings.of_examples(data, [few])
    # Every candidate of the planted log has the tag "all" beside its group.
    assert found["candidate.tags"].as_dict()["all"] == (len(few), int(examples.timestamps.max()))
    assert found["query_id"].counts.sum() == len(few)
    assert len(few) < len(examples)
