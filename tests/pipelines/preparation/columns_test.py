import datetime
import decimal
import pathlib
import uuid

import duckdb
import pyarrow as pa
import pytest

from pipelines.preparation import columns
from pipelines.preparation.errors import PreparationError

# 2024-01-01T00:00:00Z, by `date -u -d 2024-01-01 +%s`.
NEW_YEAR = 1_704_067_200


def _read(engine, table, reading):
    """Returns the value of each row, or the first fault that holds."""
    faults = {f"fault_{index}": condition for index, (condition, _) in enumerate(reading.faults)}
    rows = engine.rows(table.select(value=reading.value, **faults))
    found = []
    for row in rows:
        held = [reason for index, (_, reason) in enumerate(reading.faults) if row[f"fault_{index}"]]
        found.append(held[0] if held else row["value"])
    return found


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["007", "7", " 7"], ["007", "7", " 7"]),
        (pa.array([7, -7, 2**62]), ["7", "-7", "4611686018427387904"]),
        (pa.array([2**63 + 1], pa.uint64()), ["9223372036854775809"]),
        ([True, False], ["true", "false"]),
        ([None, ""], ["query_id_missing", "query_id_missing"]),
        (["é", "名前"], ["é", "名前"]),
    ],
)
def test_ids_are_read_character_by_character(engine, as_table, values, expected):
    table = as_table({"id": values})
    assert _read(engine, table, columns.identifier(table.id, "Column 'id'", "query_id")) == expected


@pytest.mark.parametrize("values", [[7.0], [decimal.Decimal("7.0")], [b"7"], [["7"]], [datetime.date(2024, 1, 1)]])
def test_ids_that_have_no_one_spelling_are_refused(as_table, values):
    table = as_table({"id": values})
    with pytest.raises(PreparationError, match="Column 'id' must hold integers or strings, but holds"):
        columns.identifier(table.id, "Column 'id'", "query_id")


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("s", pa.array([NEW_YEAR, 0]), [NEW_YEAR * 10**6, 0]),
        ("ms", pa.array([NEW_YEAR * 1000 + 1]), [NEW_YEAR * 10**6 + 1000]),
        ("us", pa.array([NEW_YEAR * 10**6 + 1]), [NEW_YEAR * 10**6 + 1]),
        ("s", pa.array([NEW_YEAR], pa.int32()), [NEW_YEAR * 10**6]),
        ("s", pa.array([NEW_YEAR], pa.uint64()), [NEW_YEAR * 10**6]),
        ("s", pa.array([-1, None]), ["timestamp_negative", "timestamp_missing"]),
        # Milliseconds read as seconds: the year 55969; and what would overflow int64.
        ("s", pa.array([NEW_YEAR * 1000, 2**62]), ["timestamp_out_of_range"] * 2),
        # To the nearest microsecond: a cut would give ...699 999 for 1.7, and 0 for 0.9 microseconds.
        ("s", pa.array([1.7, 0.0000009]), [1_700_000, 1]),
        ("ms", pa.array([0.0004, 0.0006]), [0, 1]),
        ("s", pa.array([float("nan"), float("inf"), -0.5]),
         ["timestamp_missing", "timestamp_out_of_range", "timestamp_negative"]),
        # Text: numbers in the unit, or ISO 8601.
        ("s", [str(NEW_YEAR), f" {NEW_YEAR}.5", "1.7e9"], [NEW_YEAR * 10**6, NEW_YEAR * 10**6 + 500_000, 17 * 10**14]),
        ("ms", ["2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01 02:00:00+02:00", "2024-01-01T00:00:00.25"],
         [NEW_YEAR * 10**6] * 3 + [NEW_YEAR * 10**6 + 250_000]),
        ("s", ["", " ", None, "yesterday", "0x10", "1_000", "-5", "nan", "2024-13-01", "9999-01-01"],
         ["timestamp_missing"] * 3 + ["timestamp_unreadable"] * 3
         + ["timestamp_negative", "timestamp_unreadable", "timestamp_unreadable", "timestamp_out_of_range"]),
        # What one engine would read and another not.
        ("s", ["2024-01-01T02:00+02:00", "2023-12-31 18:30-0530", "2024-01-01T00:00Z", "2024-01-01T17:59:00+17:59"],
         [NEW_YEAR * 10**6] * 4),
        ("s", ["2024-01-01T24:00", "2024-01-01T23:59:60", "2024-01-01T00:00:00+18:00", "2024-01-01T00:00:00+05:60",
               "5f", "5\f", "v5", "1e400", "5\u2028", "\u0665"],
         ["timestamp_unreadable"] * 5 + [5 * 10**6] + ["timestamp_unreadable", "timestamp_out_of_range"]
         + ["timestamp_unreadable"] * 2),
        ("s", ["1582-10-10", "1969-12-31T23:59:59.9", "1970-01-01T00:00:00.000001", "2023-02-29"],
         ["timestamp_negative", "timestamp_negative", 1, "timestamp_unreadable"]),
        # Half a microsecond goes away from zero.
        ("s", ["0.0000005", "0.0000025", "1700000000.1234565"], [1, 3, 1_700_000_000_123_457]),
    ],
)  # fmt: skip
def test_times_become_microseconds_or_a_reason(engine, as_table, unit, values, expected):
    table = as_table({"at": values})
    assert _read(engine, table, columns.timestamp(table.at, "Column 'at'", unit)) == expected


@pytest.mark.parametrize("precision", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_native_timestamps_of_any_precision_and_zone_are_the_same_moment(engine, as_table, precision, zone):
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[precision]
    table = as_table({"at": pa.array([NEW_YEAR * per_second, None, -per_second], pa.timestamp(precision, zone))})
    expected = [NEW_YEAR * 10**6, "timestamp_missing", "timestamp_negative"]
    assert _read(engine, table, columns.timestamp(table.at, "Column 'at'", "s")) == expected


def test_a_native_fraction_of_a_second_is_kept_to_the_microsecond(engine, as_table):
    # 0.9 s would be the next second where an epoch is rounded to whole seconds.
    table = as_table({"at": pa.array([NEW_YEAR * 10**6 + 900_001], pa.timestamp("us"))})
    assert _read(engine, table, columns.timestamp(table.at, "Column 'at'", "s")) == [NEW_YEAR * 10**6 + 900_001]


def test_a_date_is_its_midnight_utc(engine, as_table):
    table = as_table({"at": [datetime.date(2024, 1, 1)]})
    assert _read(engine, table, columns.timestamp(table.at, "Column 'at'", "s")) == [NEW_YEAR * 10**6]


def test_a_time_column_of_another_type_is_refused(as_table):
    table = as_table({"at": [[1]]})
    with pytest.raises(PreparationError, match=r"Column 'at' must hold numbers, timestamps or text, but holds array"):
        columns.timestamp(table.at, "Column 'at'", "s")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 3.0], [0.0, 0.5, 3.0]),
        (pa.array([2, 3]), [2.0, 3.0]),
        ([float("nan"), None], ["weight_not_finite", "weight_missing"]),
        ([float("inf"), 1e39, -0.25], ["weight_not_finite", "weight_not_finite", "weight_negative"]),
        ([float("-inf")], ["weight_not_finite"]),
        # The file's statistics say 1 to 3, and its NaN is still seen.
        ([1.0, float("nan"), 3.0], [1.0, "weight_not_finite", 3.0]),
        (["1.5", "", "much", "nan", None],
         [1.5, "weight_missing", "weight_not_a_number", "weight_not_a_number", "weight_missing"]),
    ],
)  # fmt: skip
def test_weights_are_finite_and_not_negative_or_a_reason(engine, as_table, values, expected):
    table = as_table({"w": values})
    assert _read(engine, table, columns.weight(table.w, "Column 'w'")) == expected


def test_a_weight_is_divided_and_what_is_below_the_minimum_is_no_positive(engine, as_table):
    # Seconds watched of films of so many seconds: a third, most, all twice over, and divisors that divide nothing.
    table = as_table(
        {
            "watched": [1800.0, 5000.0, 7000.0, 10.0, 10.0, 10.0, None, 3e38],
            "length": [5400.0, 6000.0, 3500.0, 0.0, None, -1.0, 60.0, 1e-9],
        }
    )
    divisor = columns.weight_divisor(table.length, "Column 'length'")
    reading = columns.weight(table.watched, "Column 'watched'", divisor, minimum=0.5)
    assert _read(engine, table, reading) == [
        "weight_below_minimum",
        pytest.approx(0.8333333),
        2.0,
        *["weight_divisor_not_positive"] * 3,
        "weight_missing",
        "weight_not_finite",
    ]


@pytest.mark.parametrize("stored_as", [pa.float64(), pa.float32(), pa.string()])
@pytest.mark.parametrize(("minimum", "less"), [(0.7, 0.6999999), (0.1, 0.09999999), (3.3333333333333335, 3.333333)])
def test_a_weight_at_the_minimum_is_a_positive_though_it_is_rounded_when_stored(
    engine, as_table, stored_as, minimum, less
):
    # In 32 bits .7 is .69999999 and .1 is .100000001: less than the minimum in 64 bits, or more.
    values = [str(minimum), str(less)] if stored_as == pa.string() else [minimum, less]
    table = as_table({"w": pa.array(values, stored_as)})
    found = _read(engine, table, columns.weight(table.w, "w", minimum=minimum))
    assert found == [pytest.approx(minimum), "weight_below_minimum"]


def test_a_weight_column_of_another_type_is_refused(as_table):
    table = as_table({"w": [True]})
    with pytest.raises(PreparationError, match="Column 'w' must hold numbers, but holds boolean"):
        columns.weight(table.w, "Column 'w'")


def test_a_tie_break_from_text_is_ordered_as_a_number(engine, as_table):
    table = as_table({"row": ["10", "9", "x", None]})
    assert _read(engine, table, columns.tie_break(table.row, "Column 'row'")) == [
        10, 9, "tie_break_missing", "tie_break_missing",
    ]  # fmt: skip


def test_a_tie_break_of_floats_is_refused(as_table):
    table = as_table({"row": [1.5]})
    with pytest.raises(PreparationError, match="must hold integers, but holds float64; number the rows"):
        columns.tie_break(table.row, "Column 'row'")


def test_a_uuid_is_text(engine, tmp_path):
    path = str(tmp_path / "uuid.parquet")
    known = uuid.UUID("12345678-1234-5678-1234-567812345678")
    duckdb.sql(f"COPY (SELECT '{known}'::UUID AS id) TO '{path}' (FORMAT parquet)")
    table = engine.read_parquet([pathlib.Path(path)])
    assert _read(engine, table, columns.identifier(table.id, "Column 'id'", "query_id")) == [str(known)]
