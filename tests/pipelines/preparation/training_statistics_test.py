import math

import pyarrow as pa
import pytest

from pipelines.preparation import training_statistics
from tfrs_model.schema import Feature, Schema

_LOG = {
    "query_id": ["u", "u", "v", "v", "w", "w", "w"],
    "candidate_id": ["a", "b", "a", "b", "c", "d", "e"],
    "split": ["train", "train", "train", "train", "train", "validation", "test"],
}


def _seen(as_table, queries=None, candidates=None, log=_LOG, splits=("train",), **context):
    """Returns what training rows show; a feature's values are given by id, a context feature's by row."""
    interactions = as_table(log | {f"context.{name}": values for name, values in context.items()}, "interactions")
    query_table = as_table({"query_id": sorted(set(log["query_id"])), **(queries or {})}, "queries")
    candidate_table = as_table({"candidate_id": sorted(set(log["candidate_id"])), **(candidates or {})}, "candidates")
    return {
        "query": training_statistics.seen_entities(interactions, "query_id", query_table, splits),
        "context": training_statistics.seen_contexts(interactions, splits),
        "candidate": training_statistics.seen_entities(interactions, "candidate_id", candidate_table, splits),
    }


def _vocabularies(engine, seen, schema=None, min_count=1):
    found = training_statistics.vocabularies(seen, schema or Schema(), min_count)
    return {name: [(row["value"], row["count"]) for row in engine.rows(table)] for name, table in found}


def test_ids_are_counted_in_training_rows_only_and_ordered_by_count_then_value(engine, as_table):
    # d and e are held out, so they are not known; a and b tie and stand in alphabetical order.
    assert _vocabularies(engine, _seen(as_table)) == {
        "query_id": [("u", 2), ("v", 2), ("w", 1)],
        "candidate_id": [("a", 2), ("b", 2), ("c", 1)],
    }


def test_validation_rows_are_known_when_asked_for(engine, as_table):
    found = _vocabularies(engine, _seen(as_table, splits=("train", "validation")))
    assert found["candidate_id"] == [("a", 2), ("b", 2), ("c", 1), ("d", 1)]


def test_ids_below_the_minimum_count_are_left_to_the_buckets(engine, as_table):
    assert _vocabularies(engine, _seen(as_table), min_count=2)["candidate_id"] == [("a", 2), ("b", 2)]


def test_a_feature_value_counts_the_training_interactions_that_carry_it(engine, as_table):
    seen = _seen(
        as_table,
        candidates={
            "genres": [["x", "y", "x"], ["y"], [], ["held_out"], []],
            "year": ["1995", "", "1996", "1995", "2000"],
        },
        device=["tv", "phone", "tv", "", "tv", "held_out", "held_out"],
        tags=[["p", "p"], [], ["p"], ["q"], [], ["held_out"], []],
    )
    schema = Schema(
        candidate_features=(Feature("genres", "multivalent"), Feature("year", "categorical")),
        context_features=(Feature("device", "categorical"), Feature("tags", "multivalent")),
    )
    found = _vocabularies(engine, seen, schema)
    # a has 2 training interactions, b 2, c 1, d and e none; a list that repeats x counts once; "" is no value.
    assert found["candidate.genres"] == [("y", 4), ("x", 2)]
    assert found["candidate.year"] == [("1995", 2), ("1996", 1)]
    assert found["context.device"] == [("tv", 3), ("phone", 1)]
    assert found["context.tags"] == [("p", 2), ("q", 1)]


def test_features_that_share_a_table_add_their_counts_before_the_minimum_is_asked(engine, as_table):
    seen = _seen(
        as_table,
        queries={"home": ["Ulm", "Bonn", "Kiel"]},
        candidates={"made_in": ["Bonn", "Rome", "Kiel", "", ""]},
        at=["Ulm", "Oslo", "", "", "Kiel", "held_out", ""],
    )
    town = {"kind": "categorical", "table": "town"}
    schema = Schema(
        query_features=(Feature("home", **town),),
        context_features=(Feature("at", **town),),
        candidate_features=(Feature("made_in", **town),),
    )
    # By hand, query + context + candidate: Ulm 2 + 1, Bonn 2 + 0 + 2, Kiel 1 + 1 + 1, Rome 2, Oslo 1.
    assert _vocabularies(engine, seen, schema)["town"] == [
        ("Bonn", 4),
        ("Kiel", 3),
        ("Ulm", 3),
        ("Rome", 2),
        ("Oslo", 1),
    ]
    assert [value for value, _ in _vocabularies(engine, seen, schema, min_count=3)["town"]] == ["Bonn", "Kiel", "Ulm"]


def test_an_id_table_knows_training_ids_and_what_the_features_that_share_it_carry(engine, as_table):
    seen = _seen(
        as_table,
        queries={"favourites": [["a", "out_of_print"], [], ["d"]]},
        candidates={"sequel_of": ["", "a", "a", "held_out", "held_out"]},
    )
    schema = Schema(
        query_features=(Feature("favourites", "multivalent", table="candidate_id"),),
        candidate_features=(Feature("sequel_of", "id", table="candidate_id"),),
    )
    # a: 2 interactions, 2 of u whose favourite it is, 2 of b and 1 of c whose part one it is.
    assert _vocabularies(engine, seen, schema)["candidate_id"] == [
        ("a", 7),
        ("b", 2),
        ("out_of_print", 2),
        ("c", 1),
        ("d", 1),
    ]


def test_what_is_hashed_or_bucketised_has_no_vocabulary(engine, as_table):
    seen = _seen(as_table, candidates={"name": ["x"] * 5, "colour": ["red"] * 5, "price": [1.0] * 5})
    schema = Schema(
        candidate_features=(
            Feature("name", "text", hash_buckets=10),
            Feature("colour", "categorical", hash_buckets=10),
            Feature("price", "bucketised", boundaries=(1, 2)),
        )
    )
    assert list(_vocabularies(engine, seen, schema)) == ["query_id", "candidate_id"]


def test_numeric_statistics_are_over_the_entities_of_training_rows_each_once(engine, as_table):
    nan = math.nan
    seen = _seen(
        as_table,
        candidates={"price": pa.array([1.0, 5.0, nan, 1e6, 1e6], pa.float32()), "same": [4.0] * 5},
        delay=pa.array([2.0, 2.0, 2.0, 6.0, nan, 1e6, 1e6], pa.float32()),
    )
    schema = Schema(
        candidate_features=(Feature("price", "numeric"), Feature("same", "numeric"), Feature("x", "categorical")),
        context_features=(Feature("delay", "numeric"),),
    )
    # By hand: price of a and b, mean 3, deviations -2 and 2; delay of four interactions, mean 3, variance 3.
    assert training_statistics.numeric_statistics(engine, seen, schema) == {
        "query": {},
        "context": {"delay": {"mean": 3.0, "standard_deviation": pytest.approx(math.sqrt(3.0), rel=1e-12)}},
        "candidate": {
            "price": {"mean": 3.0, "standard_deviation": 2.0},
            "same": {"mean": 4.0, "standard_deviation": 0.0},
        },
    }


def test_a_numeric_feature_without_any_value_stays_as_it_is(engine, as_table):
    seen = _seen(as_table, candidates={"price": pa.array([math.nan] * 5, pa.float32())})
    schema = Schema(
        candidate_features=(Feature("price", "numeric"), Feature("cost", "bucketised", "price", num_buckets=3))
    )
    found = training_statistics.numeric_statistics(engine, seen, schema)
    assert found["candidate"] == {"price": {"mean": 0.0, "standard_deviation": 1.0}}


def test_float_sums_are_the_same_bits_every_time(engine, as_table):
    ids = [str(number) for number in range(50_000)]
    numbers = [math.sin(number) * 1e6 for number in range(len(ids))]
    schema = Schema(candidate_features=(Feature("x", "numeric"),), context_features=(Feature("y", "numeric"),))
    runs = []
    for turn in range(3):
        log = {"query_id": ids, "candidate_id": ids, "split": ["train"] * len(ids)}
        seen = _seen(as_table, candidates={"x": sorted(numbers)}, log=log, y=numbers)
        kept = {side: engine.materialise(table, f"{side}_{turn}") for side, table in seen.items()}
        runs.append(training_statistics.numeric_statistics(engine, kept, schema))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    ("values", "num_buckets", "expected"),
    [
        # Positions floor(k * 10 / 4) are 2, 5 and 7, counted from 0.
        ([9, 0, 1, 8, 2, 7, 3, 6, 4, 5], 4, [2, 5, 7]),
        # Positions 1, 2 and 3 of 0 0 0 5 6 hold 0, 0 and 5.
        ([0, 6, 0, 5, 0], 4, [0, 5]),
        # Two boundaries on one value are one; NaN is no value, and there is one zero.
        ([0.0, -0.0, 0.0, 0.0, math.nan, 7], 4, [0]),
        ([3], 5, [3]),
        ([1, 2], 2, [2]),
        ([math.nan], 2, []),
        # What float32 holds is what was seen.
        ([0.1, 0.2], 2, [0.20000000298023224]),
    ],
)
def test_boundaries_of_buckets_are_seen_values_at_equal_ranks(engine, as_table, values, num_buckets, expected):
    ids = [f"c{number:02}" for number in range(len(values))]
    log = {"query_id": ids, "candidate_id": ids, "split": ["train"] * len(ids)}
    numbers = pa.array(values, pa.float32())
    seen = _seen(as_table, candidates={"price": numbers}, log=log, delay=numbers)
    price, delay = (Feature(name, "bucketised", num_buckets=num_buckets) for name in ("price", "delay"))
    schema = Schema(candidate_features=(price,), context_features=(delay,))
    assert training_statistics.bucket_boundaries(engine, seen, schema) == {
        "query": {},
        "context": {"delay": expected},
        "candidate": {"price": expected},
    }


def test_boundaries_do_not_know_held_out_rows(engine, as_table):
    seen = _seen(as_table, delay=pa.array([1, 2, 3, 4, 5, 1e6, -1e6], pa.float32()))
    schema = Schema(context_features=(Feature("delay", "bucketised", num_buckets=2),))
    assert training_statistics.bucket_boundaries(engine, seen, schema)["context"] == {"delay": [3.0]}


def test_many_boundaries_are_those_of_a_sorted_list(engine, as_table):
    count, num_buckets = 20_011, 1000
    values = [float(number * 7919 % 3001) for number in range(count)]
    ids = [str(number) for number in range(count)]
    log = {"query_id": ids, "candidate_id": ids, "split": ["train"] * count}
    seen = _seen(as_table, log=log, delay=pa.array(values, pa.float32()))
    schema = Schema(context_features=(Feature("delay", "bucketised", num_buckets=num_buckets),))
    expected = sorted({sorted(values)[k * count // num_buckets] for k in range(1, num_buckets)})
    assert training_statistics.bucket_boundaries(engine, seen, schema)["context"]["delay"] == expected
