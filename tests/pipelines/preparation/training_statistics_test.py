import math

import pyarrow as pa

from pipelines.preparation import training_statistics
from tfrs_model.schema import Feature


def _log(as_table):
    return as_table(
        {
            "query_id": ["u", "u", "v", "v", "w", "w"],
            "candidate_id": ["a", "b", "a", "b", "c", "d"],
            "split": ["train", "train", "train", "train", "train", "test"],
        }
    )


def test_ids_are_counted_in_training_rows_only_and_ordered_by_count_then_value(engine, as_table):
    counts = training_statistics.training_counts(_log(as_table), "candidate_id")
    vocabulary = engine.rows(training_statistics.id_vocabulary(counts, "candidate_id", min_count=1))
    # d is held out, so it is not known; a and b tie and stand in alphabetical order.
    assert [(row["value"], row["count"]) for row in vocabulary] == [("a", 2), ("b", 2), ("c", 1)]


def test_ids_below_the_minimum_count_are_left_to_the_buckets(engine, as_table):
    counts = training_statistics.training_counts(_log(as_table), "candidate_id")
    vocabulary = engine.rows(training_statistics.id_vocabulary(counts, "candidate_id", min_count=2))
    assert [row["value"] for row in vocabulary] == ["a", "b"]


def test_a_feature_value_counts_the_training_interactions_that_carry_it(engine, as_table):
    counts = training_statistics.training_counts(_log(as_table), "candidate_id")
    entities = as_table(
        {
            "candidate_id": ["a", "b", "c", "d"],
            "genres": [["x", "y", "x"], ["y"], [], ["held_out"]],
            "year": ["1995", "", "1996", "1995"],
        },
        "entities",
    )
    features = [Feature("genres", "multivalent", "genres"), Feature("year", "categorical", "year")]
    found = {
        feature.name: [(row["value"], row["count"]) for row in engine.rows(table)]
        for feature, table in training_statistics.feature_vocabularies(counts, "candidate_id", entities, features, 1)
    }
    # a has 2 training interactions, b 2, c 1, d none; a list that repeats x counts once; "" is no value.
    assert found == {"genres": [("y", 4), ("x", 2)], "year": [("1995", 2), ("1996", 1)]}


def test_numeric_statistics_are_over_the_entities_of_training_rows_each_once(engine, as_table):
    counts = training_statistics.training_counts(_log(as_table), "candidate_id")
    price = pa.array([1.0, 5.0, float("nan"), 1e6], pa.float32())
    entities = as_table({"candidate_id": ["a", "b", "c", "d"], "price": price, "same": [4.0] * 4}, "entities")
    features = [
        Feature("price", "numeric", "price"),
        Feature("same", "numeric", "same"),
        Feature("x", "categorical", "x"),
    ]
    found = training_statistics.numeric_statistics(engine, counts, "candidate_id", entities, features)
    # By hand: a and b only; mean 3, deviations -2 and 2.
    assert found == {
        "price": {"mean": 3.0, "standard_deviation": 2.0},
        "same": {"mean": 4.0, "standard_deviation": 0.0},
    }


def test_a_numeric_feature_without_any_value_stays_as_it_is(engine, as_table):
    counts = training_statistics.training_counts(_log(as_table), "candidate_id")
    entities = as_table({"candidate_id": ["a"], "price": pa.array([math.nan], pa.float32())}, "entities")
    found = training_statistics.numeric_statistics(
        engine, counts, "candidate_id", entities, [Feature("price", "numeric", "price")]
    )
    assert found == {"price": {"mean": 0.0, "standard_deviation": 1.0}}


def test_float_sums_are_the_same_bits_every_time(engine, as_table):
    ids = [str(number) for number in range(50_000)]
    log = as_table({"query_id": ids, "candidate_id": ids, "split": ["train"] * len(ids)}, "log")
    entities = as_table({"candidate_id": ids, "x": [math.sin(number) * 1e6 for number in range(len(ids))]}, "entities")
    counts = engine.materialise(training_statistics.training_counts(log, "candidate_id"), "counts")
    runs = [
        training_statistics.numeric_statistics(engine, counts, "candidate_id", entities, [Feature("x", "numeric", "x")])
        for _ in range(3)
    ]
    assert runs[0] == runs[1] == runs[2]
