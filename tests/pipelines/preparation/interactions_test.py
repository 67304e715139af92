import math

import pyarrow as pa
import pytest

from pipelines.preparation import interactions
from pipelines.preparation.errors import PreparationError
from pipelines.preparation.sources import find_source
from tfrs_model.schema import Feature, InteractionColumns

LOG = InteractionColumns("user", "item", "at", "s", "stars", tie_break="row")
NAMES = ["user", "item", "at", "stars", "row"]
NEW_YEAR = 1_704_067_200


def _read(engine, as_table, rows, roles=LOG, candidate_ids=None):
    table = as_table({name: list(values) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)})
    known = None if candidate_ids is None else as_table({"candidate_id": candidate_ids}, "corpus")
    return interactions.read_interactions(table, roles, False, known)


def test_each_refused_row_is_counted_once_under_its_first_reason(engine, as_table):
    rows = _read(
        engine,
        as_table,
        [
            ("u", "a", 1, 1.0, 0),
            ("", "a", 1, 1.0, 1),
            (None, "", -1, 1.0, 2),
            ("u", None, 1, 1.0, 3),
            ("u", "a", None, 1.0, 4),
            ("u", "a", -1, float("nan"), 5),
            ("u", "a", NEW_YEAR * 1000, 1.0, 6),
            ("u", "a", 1, float("nan"), 7),
            ("u", "a", 1, None, 8),
            ("u", "a", 1, -1.0, 9),
            ("u", "a", 1, 1.0, None),
            ("u", "z", 1, 1.0, 11),
        ],
        candidate_ids=["a", "b"],
    )
    assert interactions.count_by_reason(engine, rows) == (
        12,
        {
            "candidate_id_missing": 1,
            "candidate_not_in_table": 1,
            "query_id_missing": 2,
            "tie_break_missing": 1,
            "timestamp_missing": 1,
            "timestamp_negative": 1,
            "timestamp_out_of_range": 1,
            "weight_missing": 1,
            "weight_negative": 1,
            "weight_not_finite": 1,
        },
    )


def _with_context(engine, as_table, context, features):
    count = len(next(iter(context.values())))
    log = {"user": ["u"] * count, "item": [f"i{number}" for number in range(count)], "at": list(range(count))}
    roles = InteractionColumns("user", "item", "at")
    return interactions.read_interactions(as_table(log | context), roles, False, None, features)


def test_a_context_value_that_cannot_be_read_refuses_its_row_and_a_missing_one_does_not(engine, as_table):
    features = (
        Feature("price", "numeric"),
        Feature("age", "bucketised", "years", boundaries=(18,)),
        Feature("tags", "multivalent", weights_column="how_much"),
        Feature("since", "timestamp"),
    )
    context = {
        "price": ["1", "cheap", "", "1", "1", "1"],
        "years": ["1e39", "7", None, "7", "7", "7"],
        "tags": [["a"], ["a"], None, ["a", None], ["a"], ["a", "b"]],
        "how_much": [[1.0], [1.0], None, [1.0, 2.0], [-1.0], [1.0]],
        "since": ["1", "1", None, "1", "1", "yesterday"],
    }
    rows = _with_context(engine, as_table, context, features)
    assert interactions.count_by_reason(engine, rows) == (
        6,
        {
            "context.age_not_finite": 1,
            "context.price_not_a_number": 1,
            "context.tags_null_value": 1,
            "context.tags_weight_negative": 1,
            "context.tags_weights_of_other_length": 1,
        },
    )
    kept = engine.rows(rows.filter(rows.reason.isnull()))[0]
    assert math.isnan(kept["context.price"])
    assert math.isnan(kept["context.age"])
    assert (kept["context.tags"], kept["context.tags_weights"], kept["context.since"]) == ([], [], -1)


def test_copies_that_differ_in_their_context_alone_leave_the_same_one_in_any_order(engine, as_table):
    features = (Feature("device", "categorical"), Feature("tags", "multivalent"), Feature("price", "numeric"))
    copies = [("tv", ["b"], 1.0), ("tv", ["a", "z"], math.nan), ("tv", ["a"], math.nan), ("tv", ["a"], 5.0)]
    for number, ordered in enumerate((copies, copies[::-1], copies[2:] + copies[:2])):
        log = {"user": ["u"] * 4, "item": ["i"] * 4, "at": [1] * 4}
        context = dict(zip(("device", "tags", "price"), map(list, zip(*ordered, strict=True)), strict=True))
        roles = InteractionColumns("user", "item", "at")
        table = as_table(log | context, f"turn{number}")
        rows = interactions.remove_duplicates(interactions.read_interactions(table, roles, False, None, features))
        kept = engine.rows(rows)
        # A shorter list comes before a longer one that starts alike, and a number before none.
        assert [(row["context.tags"], row["context.price"]) for row in kept] == [(["a"], 5.0)]


def test_copies_that_differ_in_the_sign_of_zero_alone_are_one_and_the_same(engine, as_table):
    features = (
        Feature("price", "numeric"),
        Feature("age", "bucketised", boundaries=(18,)),
        Feature("tags", "multivalent", weights_column="how_much"),
    )
    roles = InteractionColumns("user", "item", "at", weight="stars", weight_divisor="of")
    log = {"user": ["u"] * 2, "item": ["i", "j"], "at": [1] * 2, "stars": [-0.0, 0.0], "of": [5.0] * 2}
    # A number too small for 32 bits is a zero of its sign there.
    log |= {
        "price": ["-0.0", "-1e-300"],
        "age": [-0.0, -1e-300],
        "tags": [["a", "b"]] * 2,
        "how_much": [[-0.0, 1.0]] * 2,
    }
    rows = interactions.read_interactions(as_table(log), roles, False, None, features)
    for row in engine.rows(rows):
        zeros = [row["weight"], row["context.price"], row["context.age"], row["context.tags_weights"][0]]
        assert [math.copysign(1.0, zero) for zero in zeros] == [1.0] * 4
        assert (zeros, row["reason"]) == ([0.0] * 4, None)


def test_a_context_column_that_is_not_there_is_named_with_its_feature(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item,at,device\nu,i,1,tv\n", encoding="utf-8")
    source = find_source("interactions", str(path))
    roles = InteractionColumns("user", "item", "at")
    interactions.require_interaction_columns(source, roles, False, [Feature("device", "categorical")])
    with pytest.raises(PreparationError, match=r"no column 'screen' \(feature 'device'\); its columns are user, item"):
        interactions.require_interaction_columns(source, roles, False, [Feature("device", "categorical", "screen")])
    tags = Feature("tags", "multivalent", "device", separator="|", weights_column="how_much")
    with pytest.raises(PreparationError, match=r"no column 'how_much' \(weights of feature 'tags'\)"):
        interactions.require_interaction_columns(source, roles, False, [tags])


def test_without_time_weight_and_tie_break_rows_get_their_neutral_values(engine, as_table):
    rows = _read(engine, as_table, [("u", 7, 1, 1.0, 0)], InteractionColumns("user", "item", None))
    assert engine.rows(rows) == [
        {
            "query_id": "u",
            "candidate_id": "7",
            "timestamp": 0,
            "weight": 1.0,
            "tie_break": 0,
            "split": None,
            "reason": None,
        }
    ]


@pytest.mark.parametrize("wrong", [NEW_YEAR * 1000, NEW_YEAR])
def test_microseconds_mixed_with_other_units_are_refused(engine, as_table, wrong):
    roles = InteractionColumns("user", "item", "at", "us")
    rows = _read(engine, as_table, [("u", "a", NEW_YEAR * 10**6, 1.0, 0), ("u", "b", wrong, 1.0, 1)], roles)
    mended = interactions.refuse_mixed_units(engine, rows)
    assert interactions.count_by_reason(engine, mended) == (2, {"timestamp_out_of_range": 1})


def test_a_context_time_in_another_unit_refuses_its_row_and_a_date_of_1970_does_not(engine, as_table):
    features = (
        Feature("asked", "timestamp", timestamp_unit="ms"),
        Feature("made", "timestamp"),
        Feature("step", "timestamp"),
    )
    context = {
        "asked": [NEW_YEAR * 1000, NEW_YEAR, None, 0, NEW_YEAR * 1000],
        "made": ["1970-05-01", "2024-01-01", "", "2024-01-01", str(NEW_YEAR // 1000)],
        "step": [0, 1, 2, 3, 4],
    }
    rows = interactions.refuse_mixed_units(engine, _with_context(engine, as_table, context, features))
    assert interactions.count_by_reason(engine, rows) == (
        5,
        {"context.asked_out_of_range": 2, "context.made_out_of_range": 1},
    )
    assert not [name for name in rows.columns if "1970" in name]


def test_a_log_with_small_step_numbers_for_times_is_kept(engine, as_table):
    rows = _read(engine, as_table, [("u", "a", 0, 1.0, 0), ("u", "b", 1000, 1.0, 1)])
    assert interactions.count_by_reason(engine, interactions.refuse_mixed_units(engine, rows)) == (2, {})


def test_too_large_a_share_of_refused_rows_ends_with_the_reasons():
    interactions.check_drops(1000, {"weight_negative": 10}, 0.01)
    with pytest.raises(PreparationError) as refusal:
        interactions.check_drops(1000, {"timestamp_out_of_range": 1, "weight_negative": 10}, 0.01)
    assert str(refusal.value) == (
        "11 of 1,000 interactions are refused (10 weight_negative, 1 timestamp_out_of_range), a share of 0.0110, "
        "above --max_rejected_fraction=0.01. Mend the log or the schema, check --timestamp_unit, "
        "or raise --max_rejected_fraction to go on without them."
    )


def test_interactions_below_the_minimum_weight_are_no_refused_ones():
    interactions.check_drops(1000, {"weight_below_minimum": 900, "weight_negative": 10}, 0.01)
    with pytest.raises(PreparationError, match=r"11 of 1,000 interactions are refused \(11 weight_negative\)"):
        interactions.check_drops(1000, {"weight_below_minimum": 900, "weight_negative": 11}, 0.01)
    with pytest.raises(PreparationError, match=r"All 10 interactions are refused \(10 weight_below_minimum\)"):
        interactions.check_drops(10, {"weight_below_minimum": 10}, 0.01)


def test_a_log_of_which_nothing_is_left_is_refused_at_any_share():
    with pytest.raises(PreparationError, match=r"All 2 interactions are refused \(2 weight_negative\)"):
        interactions.check_drops(2, {"weight_negative": 2}, 1.0)


def test_a_split_value_that_is_none_of_the_three_is_named(engine, as_table):
    table = as_table({"user": ["u"] * 4, "item": list("abcd"), "at": [1] * 4, "part": ["train", "dev", "dev", None]})
    rows = interactions.read_interactions(table, InteractionColumns("user", "item", "at", split="part"), True, None)
    with pytest.raises(
        PreparationError, match=r"'part' must hold train, .* 'dev' \(2 rows\), '\(null\)' \(1 rows\); rename"
    ):
        interactions.check_given_splits(engine, rows, "part")


def test_of_several_copies_the_first_in_split_then_tie_break_then_weight_stays(engine, as_table):
    rows = as_table(
        {
            "query_id": ["u"] * 6,
            "candidate_id": ["a", "a", "a", "b", "b", "a"],
            "timestamp": [1, 1, 1, 1, 1, 2],
            "weight": pa.array([1.0, 2.0, 9.0, 3.0, 4.0, 5.0], pa.float32()),
            "split": ["train", "train", "test", None, None, "test"],
            "tie_break": [5, 4, 1, 7, 7, 0],
            "reason": pa.array([None] * 6, pa.string()),
        }
    )
    kept = engine.rows(interactions.remove_duplicates(rows).order_by("timestamp", "candidate_id"))
    assert [(row["candidate_id"], row["timestamp"], row["weight"]) for row in kept] == [
        ("a", 1, 2.0),
        ("b", 1, 4.0),
        ("a", 2, 5.0),
    ]
