"""The source columns of a feature, read as what its kind stores.

A value that cannot be read is a fault with a name: a table that has one is
refused, an interaction that has one is dropped and counted under that name.
"""

import dataclasses
from collections.abc import Callable, Iterable

import ibis
import ibis.expr.types as ir

from pipelines.preparation import columns, mixed_units
from pipelines.preparation.errors import PreparationError
from tfrs_model.schema import MISSING_MOMENT, Feature

# What is wrong with a value, and what to do about it in a table.
_COMPLAINTS = {
    "not_a_number": ("is not a number", "mend the table, leave the value empty, or make the feature categorical"),
    "not_finite": ("is not finite", "mend the table, or leave the value empty"),
    "unreadable": ("is no time", "write ISO 8601 or a number in the feature's timestamp_unit, or leave it empty"),
    "negative": ("is before 1970", "leave the value empty, or make the feature numeric"),
    "out_of_range": ("is after 2100", "set the feature's timestamp_unit, or mend the table"),
    "of_1970": (
        "is of 1970, but its column ends after 1990",
        "write all times in the feature's timestamp_unit, and leave those that are not known empty",
    ),
    "null_value": ("holds a null among its values", "remove the nulls from the list"),
    "weights_of_other_length": ("has not as many weights as values", "give each value one weight"),
    "weight_not_a_number": ("has a weight that is missing or no number", "mend the table"),
    "weight_not_finite": ("has a weight that is not finite", "mend the table"),
    "weight_negative": ("has a negative weight", "mend the table"),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something for which a value is refused.

    Attributes:
      condition: holds, and is never null, where the value cannot be used.
      reason: names it, such as `not_a_number`.
      shown: the value as text.
    """

    condition: ir.BooleanValue
    reason: str
    shown: ir.StringValue

    @property
    def complaint(self) -> str:
        """What a sentence says of the value."""
        return _COMPLAINTS[self.reason][0]

    @property
    def remedy(self) -> str:
        """What to do about a table with such a value."""
        return _COMPLAINTS[self.reason][1]


@dataclasses.dataclass(frozen=True)
class FeatureReading:
    """A feature as expressions.

    Attributes:
      values: by prepared column, never null; of no meaning where a fault holds.
      faults: in the order in which they are looked for.
      early: of times, what is a fault if the column ends after 1990: a number that falls into 1970.
    """

    values: dict[str, ir.Value]
    faults: tuple[Fault, ...] = ()
    early: Fault | None = None


def source_columns(features: Iterable[Feature]) -> dict[str, str]:
    """Returns what each source column of the features is for, keyed by column."""
    wanted = {each.column: f"feature {each.name!r}" for each in features}
    weights = {each.weights_column: f"weights of feature {each.name!r}" for each in features if each.weights_column}
    return weights | wanted


def missing_values(feature: Feature) -> dict[str, ir.Value]:
    """Returns, by prepared column, what stands for a missing value."""
    if feature.kind == "multivalent":
        missing = {feature.name: ibis.literal([], type="array<string>")}
        return missing | (
            {feature.weights_name: ibis.literal([], type="array<float32>")} if feature.weights_name else {}
        )
    if feature.kind in ("numeric", "bucketised"):
        return {feature.name: ibis.literal(float("nan"), type="float32")}
    if feature.kind == "timestamp":
        return {feature.name: ibis.literal(MISSING_MOMENT, type="int64")}
    return {feature.name: ibis.literal("")}


def read_feature(raw: ir.Table, feature: Feature, where: Callable[[str], str]) -> FeatureReading:
    """Reads a feature.

    Args:
      raw: the source.
      feature: what to read.
      where: names a source column in sentences.

    Returns:
      By kind: `id`, `categorical`, `text`: string, "" for missing. `numeric`, `bucketised`: float32, NaN for missing.
      `timestamp`: int64 microseconds UTC, -1 for missing. `multivalent`: list of non-empty strings, [] for missing, and
      as long a list of float32 weights if the feature has a column of them.

    Raises:
      PreparationError: if a column is of a type that the kind cannot be read from.
    """
    column, early = raw[feature.column], None
    if feature.kind == "multivalent":
        return _read_lists(raw, feature, where)
    if feature.kind in ("numeric", "bucketised"):
        reading = columns.numeric_feature(column, where(feature.column))
    elif feature.kind == "timestamp":
        reading = _moment(columns.timestamp(column, where(feature.column), feature.timestamp_unit))
        of_1970 = (mixed_units.of_1970(reading.value) & columns.is_counted(column)).fill_null(False)
        early = Fault(of_1970, "of_1970", _shown(column))
    else:
        return FeatureReading({feature.name: columns.text(column, where(feature.column)).fill_null("")})
    faults = (Fault(condition, reason, _shown(column)) for condition, reason in reading.faults)
    return FeatureReading({feature.name: reading.value}, tuple(faults), early)


def empty_values(raw: ir.Table, feature: Feature) -> ir.IntegerColumn | None:
    """Returns how many empty strings `read_feature` leaves out of each list, or `None` where there are no lists.

    Text that ends with its separator is common and means nothing, unless a weight goes with that end.
    """
    if feature.kind != "multivalent":
        return None
    column = raw[feature.column]
    if feature.separator is None:
        values = column.cast("array<string>")
    else:
        parts = columns.split_text(column, feature.separator)
        values = parts if feature.weights_column is not None else parts[:-1]
    return values.filter(lambda value: value == "").length().fill_null(0)


def _moment(reading: columns.Reading) -> columns.Reading:
    """Returns a time whose absence is -1 and no fault."""
    # The first fault that holds counts, and that a time is missing is looked for first.
    (missing, _), *others = reading.faults
    faults = [(condition & ~missing, reason.removeprefix("timestamp_")) for condition, reason in others]
    value = ibis.cases((missing, MISSING_MOMENT), else_=reading.value).cast("int64")
    return columns.Reading(value, tuple(fault for fault in faults if fault[1] != "missing"))


def _read_lists(raw: ir.Table, feature: Feature, where: Callable[[str], str]) -> FeatureReading:
    column = raw[feature.column]
    values = _values(column, feature, where(feature.column))
    nulls = Fault(_any(values, lambda value: value.isnull()), "null_value", _shown(column))
    if feature.weights_column is None:
        return FeatureReading({feature.name: values.filter(lambda value: value != "")}, (nulls,))
    given = raw[feature.weights_column]
    weights = columns.list_weights(given, where(feature.weights_column), feature.separator)
    # Zipped before the empty values go, so that their weights go with them.
    pairs = values.zip(weights.value).filter(lambda pair: pair["f1"] != "")
    stored = {
        feature.name: pairs.map(lambda pair: pair["f1"]),
        feature.weights_name: pairs.map(lambda pair: pair["f2"]).cast("array<float32>"),
    }
    shown = _shown(column).concat(" with weights ", _shown(given))
    faults = [(values.length() != weights.value.length(), "weights_of_other_length"), *weights.faults]
    return FeatureReading(stored, (nulls, *(Fault(condition, reason, shown) for condition, reason in faults)))


def _values(column: ir.Column, feature: Feature, where: str) -> ir.ArrayValue:
    """Returns lists of strings, [] where there is none, with their null and empty values."""
    dtype = column.type()
    if feature.separator is not None:
        if not dtype.is_string():
            raise PreparationError(f"{where} must hold text to be split at its separator, but holds {dtype}.")
        return columns.split_text(column, feature.separator)
    if not dtype.is_array():
        raise PreparationError(
            f"{where} must hold lists for the multivalent feature {feature.name!r}, but holds {dtype}; "
            "set the feature's separator if it is text."
        )
    if not (dtype.value_type.is_string() or dtype.value_type.is_integer()):
        raise PreparationError(f"{where} must hold lists of strings or integers, but holds {dtype}; cast it before.")
    return column.cast("array<string>").fill_null(ibis.literal([], type="array<string>"))


def _any(values: ir.ArrayValue, condition: Callable[[ir.Value], ir.BooleanValue]) -> ir.BooleanValue:
    return values.filter(condition).length() > 0


def _shown(column: ir.Column) -> ir.StringValue:
    return column.cast("string").fill_null("null")
