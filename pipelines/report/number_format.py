"""How numbers of a report are written for a reader; what is missing or not finite is a dash."""

import math
from collections.abc import Sequence
from typing import Any

DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_RAISED = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")


def is_number(value: Any) -> bool:
    """Returns whether `value` is a finite number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def finite(values: Sequence[float | None]) -> list[float]:
    """Returns the values with NaN, which charts leave out, for each that is no finite number."""
    return [value if is_number(value) else math.nan for value in values]


def decimal(value: float | None, digits: int = 4) -> str:
    """Returns 0.14316 as `0.1432`, 1234.5 with one digit as `1,234.5`."""
    return f"{value:,.{digits}f}".replace("-", _MINUS) if is_number(value) else DASH


def percent(share: float | None, digits: int = 1) -> str:
    """Returns a share of 0.14316 as `14.3%`."""
    return f"{decimal(100.0 * share, digits)}%" if is_number(share) else DASH


def short_percent(share: float) -> str:
    """Returns a mark of an axis with as many digits as it needs: 0.125 is `12.5%`, 0.15 is `15%`."""
    return f"{100.0 * share:.6g}%"


def power_of_ten(value: float) -> str:
    """Returns 0.001 as `10` with a raised `-3`, for a mark of a logarithmic axis; other values are rounded to one."""
    return "10" + str(round(math.log10(value))).translate(_RAISED)


def count(value: float | None) -> str:
    """Returns 98114 as `98,114`."""
    return decimal(value, 0)


def duration(seconds: float | None) -> str:
    """Returns 61.04 as `61.0 s`."""
    return f"{decimal(seconds, 1)} s" if is_number(seconds) else DASH


def milliseconds(value: float | None) -> str:
    """Returns 3.14 as `3.1 ms`."""
    return f"{decimal(value, 1)} ms" if is_number(value) else DASH


def scientific(value: float | None) -> str:
    """Returns 0.0001234 as `1.2e-04`."""
    return f"{value:.1e}".replace("-", _MINUS) if is_number(value) else DASH


def p_value(value: float | None) -> str:
    """Returns 0.0342 as `0.034`, and what would be written as zero as `< 0.001`."""
    if not is_number(value):
        return DASH
    return "< 0.001" if value < 0.0005 else decimal(value, 3)


def signed(value: float | None, digits: int = 4) -> str:
    """Returns 0.0123 as `+0.0123`."""
    written = decimal(value, digits)
    return f"+{written}" if is_number(value) and value > 0 else written


def interval(low: float | None, high: float | None, digits: int = 4) -> str:
    """Returns `0.1012 to 0.1623`."""
    return f"{decimal(low, digits)} to {decimal(high, digits)}" if is_number(low) and is_number(high) else DASH


def relative_difference(value: float | None, reference: float | None) -> str:
    """Returns how far `value` is above `reference`, in percent of it: 0.15 over 0.10 is `+50.0%`."""
    if not is_number(value) or not is_number(reference) or reference == 0:
        return DASH
    change = percent(value / reference - 1.0)
    return change if change.startswith(_MINUS) else f"+{change}"


def plain(value: Any) -> str:
    """Returns an option or a feature as a user would type it: lists by commas, whole floats without a fraction."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(plain(element) for element in value) or "none"
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else DASH
    return DASH if value is None or value == "" else str(value)
