"""Times in two units in one column, known by those that fall into 1970 where the column ends after 1990.

Seconds read as milliseconds or microseconds, and milliseconds read as
microseconds, all fall into the first weeks of 1970; so do zeros for unknown times.
"""

import ibis.expr.types as ir

_YEAR_1971 = 31_536_000_000_000
_YEAR_1990 = 631_152_000_000_000


def of_1970(time: ir.IntegerValue) -> ir.BooleanValue:
    """Returns whether int64 microseconds fall into 1970; -1, which is missing, does not."""
    return (time >= 0) & (time < _YEAR_1971)


def ends_after_1990(latest: int | None) -> bool:
    """Returns whether a column does, given the greatest of its times, `None` if there are none."""
    return latest is not None and latest >= _YEAR_1990
