import hashlib
import random

import pytest

from pipelines.preparation import splits
from pipelines.preparation.errors import PreparationError

VISIBLE = {"train": {"train"}, "validation": {"train", "validation"}, "test": {"train", "validation", "test"}}


def _rows(as_table, rows):
    names = ["query_id", "candidate_id", "timestamp", "tie_break", "split"]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    return splits.with_candidate_order(as_table({**columns, "weight": [1.0] * len(rows)}))


def _split_of(engine, table):
    return {(row["query_id"], row["candidate_id"]): row["split"] for row in engine.rows(table)}


def test_leave_last_out_holds_out_the_last_two_by_time_and_tie_break(engine, as_table):
    rows = _rows(
        as_table,
        [
            ("u", "late", 9, 0, None),
            ("u", "early", 1, 3, None),
            ("u", "second_of_two", 5, 2, None),
            ("u", "first_of_two", 5, 1, None),
            ("short", "a", 1, 0, None),
            ("short", "b", 2, 0, None),
        ],
    )
    assert _split_of(engine, splits.leave_last_out(rows)) == {
        ("u", "early"): "train",
        ("u", "first_of_two"): "train",
        ("u", "second_of_two"): "validation",
        ("u", "late"): "test",
        ("short", "a"): "train",
        ("short", "b"): "train",
    }
    assert splits.count_short_queries(engine, rows) == 1


def test_without_a_tie_break_simultaneous_rows_are_ordered_by_the_sha256_of_the_candidate(engine, as_table):
    candidates = ["a", "b", "c", "d"]
    by_digest = sorted(candidates, key=lambda each: hashlib.sha256(each.encode()).hexdigest())
    assert by_digest != candidates
    rows = _rows(as_table, [("u", each, 5, 0, None) for each in candidates])
    found = _split_of(engine, splits.leave_last_out(rows))
    assert [found["u", each] for each in by_digest] == ["train", "train", "validation", "test"]
    written = engine.rows(splits.with_history_end(splits.leave_last_out(rows)))
    assert [row["candidate_id"] for row in written] == by_digest


def test_global_time_cuts_at_two_moments_over_all_queries(engine, as_table):
    rows = _rows(as_table, [(f"u{time % 3}", f"c{time}", time, 0, None) for time in range(10)])
    cut, starts = splits.global_time(engine, rows, validation_fraction=0.2, test_fraction=0.1)
    assert starts == {"validation_start_microseconds": 7, "test_start_microseconds": 9}
    found = _split_of(engine, cut)
    assert [found[f"u{time % 3}", f"c{time}"] for time in range(10)] == ["train"] * 7 + ["validation"] * 2 + ["test"]


def test_global_time_never_parts_simultaneous_rows(engine, as_table):
    # The cut for 10% test falls among the four rows of moment 3, which go to test together.
    times = [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    rows = _rows(as_table, [("u", f"c{position}", time, 0, None) for position, time in enumerate(times)])
    cut, starts = splits.global_time(engine, rows, validation_fraction=0.0, test_fraction=0.1)
    assert starts == {"test_start_microseconds": 3}
    assert [_split_of(engine, cut)["u", f"c{position}"] for position in range(10)] == ["train"] * 6 + ["test"] * 4


def test_the_moments_of_a_long_log_in_any_order_are_those_of_its_sorted_times(engine, as_table):
    draw = random.Random(11)
    # Crowded moments, and the first and the last that there may be.
    times = [
        draw.randrange(4_102_444_800_000_000) if draw.random() < 0.5 else draw.randrange(300) for _ in range(30_000)
    ]
    times += [0, 4_102_444_799_999_999]
    rows = _rows(as_table, [("u", str(position), time, 0, None) for position, time in enumerate(times)])
    _, starts = splits.global_time(engine, rows, 0.3, 0.25)
    in_order = sorted(times)
    assert starts == {
        "validation_start_microseconds": in_order[int(30_002 * 0.45)],
        "test_start_microseconds": in_order[int(30_002 * 0.75)],
    }


def test_fractions_are_exact_where_floats_are_not(engine, as_table):
    # 1 - 0.1 - 0.1 is 0.8000000000000002 in floats.
    rows = _rows(as_table, [("u", f"c{time}", time, 0, None) for time in range(1000)])
    assert splits.global_time(engine, rows, 0.1, 0.1)[1] == {
        "validation_start_microseconds": 800,
        "test_start_microseconds": 900,
    }


def test_history_end_by_hand_counts_visible_and_strictly_earlier_rows(engine, as_table):
    rows = _rows(
        as_table,
        [
            # Simultaneous rows see none of each other.
            ("u", "a", 1, 0, "train"),
            ("u", "b", 1, 1, "train"),
            ("u", "c", 2, 2, "train"),
            # A test row in the middle is invisible to the later training row.
            ("u", "d", 3, 3, "test"),
            ("u", "e", 4, 4, "train"),
            ("u", "f", 4, 5, "validation"),
            ("u", "g", 5, 6, "test"),
            ("other", "a", 0, 7, "train"),
        ],
    )
    written = engine.rows(splits.with_history_end(rows))
    assert [(row["query_id"], row["candidate_id"], row["history_end"]) for row in written] == [
        ("other", "a", 0),
        ("u", "a", 0),
        ("u", "b", 0),
        ("u", "c", 2),
        ("u", "d", 3),
        ("u", "e", 3),  # a, b, c; not d, which is test.
        ("u", "f", 3),  # a, b, c; not e at the same moment.
        ("u", "g", 6),  # all earlier: a, b, c, d, e, f.
    ]


def test_no_row_can_see_the_present_the_future_or_a_later_split(engine, as_table):
    draw = random.Random(7)
    rows = [
        (f"u{draw.randrange(5)}", f"c{position}", draw.randrange(12), draw.randrange(3), draw.choice(list(VISIBLE)))
        for position in range(300)
    ]
    written = engine.rows(splits.with_history_end(_rows(as_table, rows)))
    assert len(written) == len(rows)
    for row in written:
        visible = [
            each for each in written if each["query_id"] == row["query_id"] and each["split"] in VISIBLE[row["split"]]
        ]
        history = visible[: row["history_end"]]
        assert all(each["timestamp"] < row["timestamp"] for each in history)
        # Nothing that could be seen is left out.
        assert len(history) == sum(each["timestamp"] < row["timestamp"] for each in visible)


def test_a_log_without_time_has_no_histories(engine, as_table):
    rows = _rows(as_table, [("u", each, 0, 0, "train") for each in "abc"])
    assert [row["history_end"] for row in engine.rows(splits.with_history_end(rows))] == [0, 0, 0]


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("leave_last_out", "no query has 3 interactions; use --split=global_time"),
        ("global_time", "too few distinct timestamps for these fractions"),
        ("given", "the split column gives none; correct it"),
        ("none", "no interaction is left; mend the log"),
    ],
)
def test_an_empty_split_is_refused_with_the_remedy(method, sentence):
    with pytest.raises(
        PreparationError, match=rf"leaves the test split empty \(5 train, 1 validation, 0 test\): {sentence}"
    ):
        splits.check_splits({"train": 5, "validation": 1}, method, ("train", "validation", "test"))
