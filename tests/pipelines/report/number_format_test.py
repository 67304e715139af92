import math

import pytest

from pipelines.report import number_format

_DASH = "\N{EN DASH}"

_NOTHING = [None, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (number_format.decimal(0.143160), "0.1432"),
        (number_format.decimal(1234.56, 1), "1,234.6"),
        (number_format.decimal(-0.5, 1), "\N{MINUS SIGN}0.5"),
        (number_format.percent(0.14316), "14.3%"),
        (number_format.count(98114), "98,114"),
        (number_format.duration(61.04), "61.0 s"),
        (number_format.milliseconds(1.26), "1.3 ms"),
        (number_format.short_percent(0.125), "12.5%"),
        (number_format.short_percent(0.15), "15%"),
        (number_format.power_of_ten(1e-12), "10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT TWO}"),
        (number_format.scientific(0.0001234), "1.2e\N{MINUS SIGN}04"),
        (number_format.p_value(0.0342), "0.034"),
        (number_format.p_value(0.0004), "< 0.001"),
        (number_format.signed(0.0123), "+0.0123"),
        (number_format.signed(-0.0123), "\N{MINUS SIGN}0.0123"),
        (number_format.signed(0.0), "0.0000"),
        (number_format.interval(0.1, 0.25, 2), "0.10 to 0.25"),
        (number_format.relative_difference(0.15, 0.10), "+50.0%"),
        (number_format.relative_difference(0.05, 0.10), "\N{MINUS SIGN}50.0%"),
        (number_format.relative_difference(0.1, 0.1), "+0.0%"),
    ],
)
def test_numbers_are_rounded_and_grouped(written, expected):
    assert written == expected


@pytest.mark.parametrize("nothing", _NOTHING)
def test_what_is_no_finite_number_is_a_dash(nothing):
    for write in (
        number_format.decimal,
        number_format.percent,
        number_format.count,
        number_format.duration,
        number_format.milliseconds,
        number_format.scientific,
        number_format.p_value,
        number_format.signed,
        number_format.plain,
    ):
        assert write(nothing) == _DASH
    assert number_format.relative_difference(nothing, 0.1) == _DASH
    assert number_format.relative_difference(0.1, nothing) == _DASH


def test_a_difference_to_nothing_is_a_dash():
    assert number_format.relative_difference(0.1, 0.0) == _DASH


def test_a_boolean_is_no_number():
    assert number_format.decimal(True) == _DASH


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (0, "0"),
        (0.002, "0.002"),
        (49.0, "49"),
        ([128, 64], "128, 64"),
        ((), "none"),
        ("", _DASH),
        ("adam", "adam"),
    ],
)
def test_options_are_written_as_they_would_be_typed(value, expected):
    assert number_format.plain(value) == expected


def test_charts_get_nan_for_what_they_leave_out():
    values = number_format.finite([0.5, None, math.inf])
    assert values[0] == 0.5
    assert all(map(math.isnan, values[1:]))
