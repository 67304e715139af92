import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import cold_start, cold_start_log
from pipelines import prepared_data


def _answers(hits_of_hidden, hits_of_others, seed=0, num_queries=300):
    """Returns answers of which each query has two hidden items and eight others, hit with the given probabilities."""
    generator = np.random.default_rng(seed)
    is_hidden = np.tile(np.arange(10) < 2, num_queries)
    return cold_start.Answers(
        queries=np.repeat(np.arange(num_queries), 10),
        is_hidden=is_hidden,
        is_hit=generator.random(len(is_hidden)) < np.where(is_hidden, hits_of_hidden, hits_of_others),
        chance=np.full(len(is_hidden), 0.02),
        hidden_share=np.where(is_hidden, 0.0, 0.25),
    )


def _summary(content, ids):
    return cold_start.summarise({"content": content, "ids": ids})


def test_the_figures_are_ratios_over_interactions():
    content, ids = _answers(0.2, 0.4), _answers(0.0, 0.4)
    summary = _summary([content], [ids])
    # Of 600 interactions with hidden items 0.2 are hits, of 2400 others 0.4: five deviations are 0.082 and 0.05.
    assert abs(summary["hidden_recall_at_50"]["median"] - 0.2) < 0.082
    assert abs(summary["warm_recall_at_50"]["content"]["median"] - 0.4) < 0.05
    assert summary["hidden_recall_at_50_of_ids"]["median"] == 0.0
    np.testing.assert_allclose(summary["random_recall_at_50"], 0.02)
    hidden = summary["hidden_recall_at_50"]["median"]
    np.testing.assert_allclose(summary["times_random"]["median"], hidden / 0.02)
    # By hand: 8 of 10 rows at 0.25.
    np.testing.assert_allclose(summary["hidden_share_of_top_50"]["content"]["median"], 0.2)
    np.testing.assert_allclose(summary["hidden_share_of_interactions"], 0.2)


@pytest.mark.parametrize(
    ("of_hidden", "of_others", "holds"),
    [(0.2, 0.5, (True, True)), (0.08, 0.5, (False, True)), (0.2, 0.4, (True, False)), (0.105, 0.5, (False, True))],
)
def test_both_claims_hold_only_if_the_lower_ends_of_their_intervals_do(of_hidden, of_others, holds):
    # The others are hit with 0.5 by ids; what holds is 5 * 0.02 = 0.1 of the hidden items, at the lower end too.
    content = [_answers(of_hidden, of_others, seed, 1000) for seed in range(3)]
    ids = [_answers(0.0, 0.49, 10 + seed, 1000) for seed in range(3)]
    assert _summary(content, ids)["holds"] == dict(zip(("hidden", "warm"), holds, strict=True))


def test_the_median_and_the_range_are_those_of_the_seeds():
    content = [_answers(each, 0.5, seed) for seed, each in enumerate((0.1, 0.3, 0.5))]
    figure = _summary(content, content)["hidden_recall_at_50"]
    assert figure["range"] == pytest.approx([min(figure["seeds"]), max(figure["seeds"])], abs=1e-4)
    assert figure["median"] == pytest.approx(sorted(figure["seeds"])[1], abs=1e-4)


def test_the_interval_covers_the_truth_about_as_often_as_it_says_where_a_querys_interactions_agree():
    generator = np.random.default_rng(0)
    num_covered = 0
    for _ in range(60):
        # Each query hits all of its interactions or none, with probability 0.3.
        asked = generator.integers(1, 20, [1, 150])
        low, high = cold_start.ratio_interval(asked * (generator.random([1, 150]) < 0.3), asked)
        num_covered += low <= 0.3 <= high
    # Of 60 at 0.95 57 are expected, with a deviation of 1.7; 48 is five deviations below.
    assert num_covered >= 48


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Returns a folder of small tables in the form of MovieLens-1M."""
    folder = tmp_path_factory.mktemp("ml1m")
    generator = np.random.default_rng(0)
    num_rows = 600
    log = {
        "user_id": generator.integers(1, 20, num_rows),
        "item_id": generator.permutation(np.repeat(np.arange(1, 31), 20)),
        "rating": np.full(num_rows, 5),
        "timestamp": 956700000 + np.arange(num_rows),
        "split": np.repeat(["train", "val", "test"], [400, 100, 100]),
    }
    items = {
        "item_id": np.arange(1, 41),
        "title": [f"Film {i} ({1960 + i})" for i in range(40)],
        "genres": ["Drama|War", "Comedy"] * 20,
    }
    users = {"user_id": np.arange(1, 21), "gender": ["F", "M"] * 10, "age": [18, 25] * 10, "occupation": [1, 2] * 10}
    for name, columns in (("positives", log), ("items", items), ("users", users)):
        pq.write_table(pa.table(columns), folder / f"ml1m_{name}.parquet")
    return folder


def test_hidden_items_keep_their_place_in_the_corpus_and_lose_their_training_interactions(tables, tmp_path):
    hidden = cold_start_log.prepare(str(tables), tmp_path, True, 0.1, 3)
    data = prepared_data.read_prepared_data(tmp_path / "served")
    rows = np.flatnonzero(np.isin(data.candidate_ids, hidden.astype(str)))
    assert len(hidden) == len(rows) == 3
    assert (data.training_counts()[rows] == 0).all()
    held_out = np.concatenate([data.examples(split).candidate_rows for split in ("validation", "test")])
    assert np.isin(rows, held_out).any()
    known = prepared_data.read_prepared_data(tmp_path / "known")
    assert set(data.candidate_ids) - set(known.candidate_ids) == set(hidden.astype(str))
    np.testing.assert_array_equal(known.training_counts(), np.delete(data.training_counts(), rows))
    inputs = prepared_data.read_model_inputs(tmp_path / "served")
    assert not set(inputs.candidate_ids) & set(hidden.astype(str))
    assert {each.name for each in inputs.candidate_features} == {"genres", "year", "decade", "words"}


def test_the_year_is_read_from_the_title_and_without_content_nothing_is(tables, tmp_path):
    cold_start_log.prepare(str(tables), tmp_path, True, 0.1, 0)
    items = pq.read_table(tmp_path / "known_sources" / "items.parquet").slice(0, 2)
    assert items["year"].to_pylist() == [1960, 1961]
    assert items["decade"].to_pylist() == [196, 196]
    cold_start_log.prepare(str(tables), tmp_path / "ids", False, 0.1, 0)
    assert prepared_data.read_model_inputs(tmp_path / "ids" / "known").candidate_features == ()


def test_other_seeds_hide_other_items_and_the_same_seed_the_same():
    ids = np.repeat(np.arange(200), 3)
    first, again, other = (cold_start_log.hidden_items(ids, 0.1, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(first) == len(other) == 20
    assert set(first) != set(other)
