"""Source columns read as what the schema says they are, with the reasons for which a value is refused.

A reader never guesses and never coerces in silence: a type that cannot be read
is an error, a value that cannot be read is a fault with a name.
"""

import dataclasses
from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from pipelines.preparation.errors import PreparationError

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}

# 2100-01-01 UTC. Milliseconds or microseconds read as seconds lie far beyond it.
LATEST_MICROSECONDS = 4_102_444_800_000_000

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# Eighteen digits always fit an int64.
_INTEGER = r"^[+-]?[0-9]{1,18}$"
# No more than what every engine reads alike: hours to 23, zones to 18 hours less a minute.
_ISO_8601 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-7]):?[0-5][0-9])?)?$"
)
_ZONE_AFTER_MINUTES = r"^.{16}[Z+-]"
_LENGTH_TO_MINUTES = 16
_FLOAT32_MAX = 3.4028234663852886e38


# A positive that is too weak to be one: left out, but nothing is wrong with it.
BELOW_MINIMUM = "weight_below_minimum"


@dataclasses.dataclass(frozen=True)
class Reading:
    """A column as an expression of the right type.

    Attributes:
      value: the expression; its value where a fault holds is of no meaning.
      faults: conditions, never null, under which a row is refused, each with its reason.
    """

    value: ir.Value
    faults: tuple[tuple[ir.BooleanValue, str], ...] = ()


def text(column: ir.Column, where: str) -> ir.StringColumn:
    """Returns a categorical column as strings: integers in decimal, booleans as true and false.

    Raises:
      PreparationError: if the type has no one spelling, such as floats; `where` names the column.
    """
    dtype = column.type()
    if dtype.is_string():
        return column
    if dtype.is_boolean():
        return ibis.cases((column, "true"), (~column, "false"))
    if dtype.is_integer() or dtype.is_uuid():
        return column.cast("string")
    raise PreparationError(
        f"{where} must hold integers or strings, but holds {dtype}; 7 and 7.0 would be two values, "
        "so cast the column to one of these before."
    )


def identifier(column: ir.Column, where: str, role: str) -> Reading:
    """Reads ids as strings, character by character: `007` stays `007`.

    Args:
      column: integers or strings.
      where: the column's name in sentences.
      role: `query_id` or `candidate_id`.
    """
    value = text(column, where)
    return Reading(value, ((_is(value.isnull() | (value == "")), f"{role}_missing"),))


def timestamp(column: ir.Column, where: str, unit: str) -> Reading:
    """Reads times as int64 microseconds since 1970 UTC.

    Integers are multiplied exactly; floats are rounded to the nearest
    microsecond. Text is a number in `unit` or ISO 8601, which is UTC where it
    names no zone. A native timestamp or date column needs no unit.

    Args:
      column: integers, floats, strings, timestamps or dates.
      where: the column's name in sentences.
      unit: `s`, `ms` or `us`.
    """
    dtype = column.type()
    if dtype.is_integer():
        return _counted_time(column, column.isnull(), MICROSECONDS[unit])
    if dtype.is_floating() or dtype.is_decimal():
        number = column.cast("float64")
        return _counted_time(number, number.isnull() | number.isnan(), MICROSECONDS[unit])
    if dtype.is_timestamp() or dtype.is_date():
        return _native_time(column)
    if dtype.is_string():
        return _written_time(column, unit)
    raise PreparationError(f"{where} must hold numbers, timestamps or text, but holds {dtype}; cast the column before.")


def is_counted(column: ir.Column) -> ir.BooleanValue:
    """Returns whether a time is a number in some unit, rather than a date or a native time, which has none."""
    dtype = column.type()
    if dtype.is_string():
        return _matching(column, _NUMBER).notnull()
    return ibis.literal(dtype.is_numeric())


def weight(column: ir.Column, where: str, divisor: Reading | None = None, minimum: float | None = None) -> Reading:
    """Reads rewards as float32, finite and not negative.

    Args:
      column: numbers or text.
      where: the column's name in sentences.
      divisor: what `weight_divisor` read, or `None`.
      minimum: smallest weight of a positive, or `None`; compared as float32, as the weight is stored.
    """
    value, unreadable = _number(column, where)
    missing = _is(value.isnull())
    infinite = _is(value.isnan() | (value.abs() > _FLOAT32_MAX))
    faults = [
        (unreadable, "weight_not_a_number"),
        (missing, "weight_missing"),
        (infinite, "weight_not_finite"),
        (_is(value < 0.0), "weight_negative"),
    ]
    valid = ~(missing | infinite)
    if divisor is not None:
        faults += divisor.faults
        value = value / divisor.value
        # A tiny divisor can make too much of a finite weight.
        infinite = _is(value.abs() > _FLOAT32_MAX)
        faults.append((infinite, "weight_not_finite"))
        valid &= ~infinite
    stored = one_zero(ibis.cases((valid, value), else_=0.0).cast("float32"))
    if minimum is not None:
        # In 32 bits both, so that a file's float32 0.7 is not below a minimum of 0.7, as a float64 0.7 is not.
        faults.append((stored < ibis.literal(minimum, "float64").cast("float32"), BELOW_MINIMUM))
    return Reading(stored, tuple(faults))


def weight_divisor(column: ir.Column, where: str) -> Reading:
    """Reads what rewards are divided by as float64, finite and positive; 1 where a fault holds."""
    value, _ = _number(column, where)
    fitting = _is((value > 0.0) & ~value.isnan() & (value <= _FLOAT32_MAX))
    return Reading(ibis.cases((fitting, value), else_=1.0), ((~fitting, "weight_divisor_not_positive"),))


def tie_break(column: ir.Column, where: str) -> Reading:
    """Reads the order of simultaneous interactions as int64.

    Raises:
      PreparationError: if the column holds neither integers nor text.
    """
    dtype = column.type()
    if dtype.is_integer():
        value = column.cast("int64")
    elif dtype.is_string():
        value = _matching(column, _INTEGER).try_cast("int64")
    else:
        raise PreparationError(f"{where} must hold integers, but holds {dtype}; number the rows.")
    return Reading(value, ((_is(value.isnull()), "tie_break_missing"),))


def numeric_feature(column: ir.Column, where: str) -> Reading:
    """Reads a numeric feature as float32 with NaN for missing; the faults are for an error, not for dropping rows."""
    if column.type().is_boolean():
        column = column.cast("int64")
    value, unreadable = _number(column, where)
    too_large = _is(~value.isnan() & (value.abs() > _FLOAT32_MAX))
    # A NaN becomes ours, since there are many of different bits.
    readable = _is(value.notnull() & ~value.isnan()) & ~too_large
    return Reading(
        one_zero(ibis.cases((readable, value), else_=float("nan")).cast("float32")),
        ((unreadable, "not_a_number"), (too_large, "not_finite")),
    )


def one_zero(value: ir.FloatingValue) -> ir.FloatingValue:
    """Returns the numbers with -0.0 as 0.0: the two are equal, and what decides between equals differs by run."""
    return ibis.cases((value == 0.0, ibis.literal(0.0, value.type())), else_=value)


def split_text(column: ir.StringColumn, separator: str) -> ir.ArrayValue:
    """Returns the parts between separators, empty ones too; [] of null and of the empty text."""
    parts = ibis.cases((column.fill_null("") != "", column.split(separator)))
    return parts.fill_null(ibis.literal([], type="array<string>"))


def list_weights(column: ir.Column, where: str, separator: str | None) -> Reading:
    """Reads the weights of a list's values as a list of float64, null where a fault holds; null is [].

    Args:
      column: lists of numbers, or text to be split.
      where: the column's name in sentences.
      separator: between the numbers of a text.

    Raises:
      PreparationError: if the type is another one.
    """
    dtype = column.type()
    if dtype.is_string() and separator is not None:
        numbers = split_text(column, separator).map(lambda each: _matching(each, _NUMBER).try_cast("float64"))
    elif dtype.is_array() and dtype.value_type.is_numeric():
        numbers = column.cast("array<float64>").fill_null(ibis.literal([], type="array<float64>"))
    else:
        also = "" if separator is None else f" or text with the separator {separator!r}"
        raise PreparationError(f"{where} must hold lists of numbers{also}, but holds {dtype}; cast the column before.")

    def infinite(number: ir.FloatingValue) -> ir.BooleanValue:
        return number.isnan() | (number.abs() > _FLOAT32_MAX)

    def any_that(condition: Callable[[ir.FloatingValue], ir.BooleanValue]) -> ir.BooleanValue:
        return numbers.filter(condition).length() > 0

    return Reading(
        # What float32 cannot hold would end the engine in an error, fault or not.
        numbers.map(lambda number: ibis.cases((number == 0.0, 0.0), (~infinite(number), number))),
        (
            (any_that(lambda number: number.isnull()), "weight_not_a_number"),
            (any_that(infinite), "weight_not_finite"),
            (any_that(lambda number: number < 0.0), "weight_negative"),
        ),
    )


def _number(column: ir.Column, where: str) -> tuple[ir.FloatingColumn, ir.BooleanValue]:
    """Returns float64 values, null where missing, and where text is no number."""
    dtype = column.type()
    if dtype.is_numeric():
        return column.cast("float64"), ibis.literal(False)
    if dtype.is_string():
        value = _matching(column, _NUMBER).try_cast("float64")
        return value, _is(column.strip().length() > 0) & value.isnull()
    raise PreparationError(f"{where} must hold numbers, but holds {dtype}; cast the column before.")


def _counted_time(number: ir.NumericValue, missing: ir.BooleanValue, factor: int) -> Reading:
    missing = _is(missing)
    negative = _is(number < 0)
    late = _is(number >= LATEST_MICROSECONDS // factor)
    # Multiplied only where the product fits; a fault hides the rest.
    fitting = ibis.cases((missing | negative | late, 0), else_=number)
    is_float = number.type().is_floating()
    value = (fitting * factor).round(0).cast("int64") if is_float else fitting.cast("int64") * factor
    return Reading(value, ((missing, "timestamp_missing"), *_range_faults(negative, late)))


def _native_time(column: ir.Column) -> Reading:
    missing = column.isnull()
    moment = column.cast("timestamp")
    # Whole seconds and the rest apart, since engines round or cut fractional epochs.
    value = moment.truncate("s").epoch_seconds().cast("int64") * 1_000_000 + moment.microsecond().cast("int64")
    return Reading(
        value, ((missing, "timestamp_missing"), *_range_faults(_is(value < 0), _is(value >= LATEST_MICROSECONDS)))
    )


def _written_time(column: ir.StringColumn, unit: str) -> Reading:
    number = _matching(column, _NUMBER).try_cast("float64")
    counted = _counted_time(number, number.isnull(), MICROSECONDS[unit])
    # With a zone: an engine that reads text as a plain timestamp drops the offset in silence.
    native = _native_time(_with_seconds(_matching(column, _ISO_8601)).try_cast("timestamp('UTC')"))
    is_number = number.notnull()
    missing = _is(column.isnull() | (column.strip() == ""))
    faults = [(missing, "timestamp_missing"), (number.isnull() & native.value.isnull(), "timestamp_unreadable")]
    faults += [(condition & is_number, reason) for condition, reason in counted.faults]
    faults += [(condition & ~is_number, reason) for condition, reason in native.faults]
    return Reading(ibis.cases((is_number, counted.value), else_=native.value), tuple(faults))


def _with_seconds(moment: ir.StringColumn) -> ir.StringColumn:
    """Returns ISO 8601 with the seconds that Spark wants before a zone."""
    filled = moment[:_LENGTH_TO_MINUTES] + ":00" + moment.substr(_LENGTH_TO_MINUTES)
    return ibis.cases((moment.re_search(_ZONE_AFTER_MINUTES), filled), else_=moment)


def _range_faults(negative: ir.BooleanValue, late: ir.BooleanValue) -> tuple[tuple[ir.BooleanValue, str], ...]:
    return (negative, "timestamp_negative"), (late, "timestamp_out_of_range")


def _matching(column: ir.StringColumn, pattern: str) -> ir.StringColumn:
    """Returns the stripped text where it matches, else null, so that no engine's own leniency decides."""
    stripped = column.strip()
    return ibis.cases((stripped.re_search(pattern), stripped))


def _is(condition: ir.BooleanValue) -> ir.BooleanValue:
    """Returns the condition with null read as false."""
    return condition.fill_null(False)
