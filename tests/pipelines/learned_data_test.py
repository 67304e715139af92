import dataclasses

import numpy as np
import pytest

from pipelines import artifacts, learned_data, prepared_data
from tests.pipelines import conftest
from tfrs_model import growth, model_config


@pytest.fixture(scope="module")
def learned(line: conftest.Line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    return learned_data.of_first_day(data, model_config.ModelConfig())


def test_the_first_day_knows_the_prepared_vocabularies_and_ends_with_its_newest_interaction(line, learned):
    inputs = prepared_data.read_model_inputs(line.prepared_dir)
    assert learned.known["candidate_id"].values == inputs.candidate_ids
    assert learned.changes["candidate_id"] == {
        "known": len(inputs.candidate_ids),
        "new": len(inputs.candidate_ids),
        "expired": 0,
        "waiting": 0,
        "forgotten": 0,
    }
    # The planted log has 14 interactions a query, a minute apart; of the last two neither is trained on.
    assert learned.until_microseconds == (1_600_000_000 + 11 * 60) * 1_000_000
    assert learned.frequency_num_buckets == len(inputs.candidate_ids)


def test_what_is_read_is_what_was_written_and_a_model_can_be_built_of_it(learned, tmp_path):
    learned.write(tmp_path)
    read = learned_data.LearnedData.read(tmp_path)
    for part in ("known", "waiting"):
        written = {table: each.as_dict() for table, each in getattr(learned, part).items()}
        assert {table: each.as_dict() for table, each in getattr(read, part).items()} == written
    assert (read.until_microseconds, read.changes) == (learned.until_microseconds, learned.changes)
    assert prepared_data.read_model_inputs(tmp_path).candidate_ids == learned.known["candidate_id"].values


def test_what_waits_is_kept_with_its_count(learned, line):
    data = prepared_data.read_prepared_data(line.prepared_dir)
    examples = data.examples("train")
    later = examples.take(np.arange(3))
    policy = growth.VocabularyPolicy(admission_min_count=10_000)
    empty = growth.VocabularyEntries()
    before = dataclasses.replace(
        learned, known=dict.fromkeys(learned.known, empty), waiting=dict.fromkeys(learned.known, empty)
    )
    grown = learned_data.of_next_day(before, data, later, policy, model_config.ModelConfig())
    assert grown.known["query_id"].values == ()
    assert grown.waiting["query_id"].counts.sum() == 3
    assert grown.changes["query_id"]["waiting"] == len(grown.waiting["query_id"])


def test_a_model_of_an_earlier_version_is_refused(tmp_path):
    artifacts.write_json(tmp_path / "manifest.json", {})
    with pytest.raises(learned_data.LearnedDataError, match=r"learned\.json is missing: the model was trained by an"):
        learned_data.LearnedData.read(tmp_path)
