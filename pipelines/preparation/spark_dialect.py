"""Where Ibis writes something else for Spark than for DuckDB, made to mean the same."""

import string

import ibis.backends.pyspark  # noqa: F401 - declares the options that its compiler reads
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

_MICROSECONDS_PER_SECOND = 1_000_000


class SparkDialect(PySparkCompiler):
    """Ibis's writer of Spark SQL, with DuckDB's answers."""

    __slots__ = ()

    def visit_IsNull(self, op: ops.IsNull, *, arg: sge.Expression) -> sge.Expression:  # noqa: N802
        """Writes a test for null alone; Ibis's own counts NaN as null."""
        return arg.is_(NULL)

    def visit_NotNull(self, op: ops.NotNull, *, arg: sge.Expression) -> sge.Expression:  # noqa: N802
        """Writes the opposite of `visit_IsNull`."""
        return sge.Not(this=arg.is_(NULL))

    def visit_NonNullLiteral(  # noqa: N802
        self, op: ops.Literal, *, value: object, dtype: dt.DataType
    ) -> sge.Expression | None:
        """Writes text with control characters by its bytes; Spark reads the escape of a form feed as the letter f."""
        if dtype.is_string() and not value.isprintable():
            return self._by_bytes(value)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_Strip(self, op: ops.Strip, *, arg: sge.Expression) -> sge.Expression:  # noqa: N802
        """Writes the removal of white space at both ends, its characters by their bytes."""
        return self.f.anon.btrim(arg, self._by_bytes(string.whitespace))

    def visit_StringSplit(  # noqa: N802
        self, op: ops.StringSplit, *, arg: sge.Expression, delimiter: sge.Expression
    ) -> sge.Expression:
        """Writes a split at a literal text; Spark splits at a pattern."""
        literal = self.f.replace(delimiter, sge.convert("\\E"), sge.convert("\\E\\\\E\\Q"))
        return self.f.anon.split(arg, self.f.concat(sge.convert("\\Q"), literal, sge.convert("\\E")))

    def visit_ExtractMicrosecond(  # noqa: N802
        self, op: ops.ExtractMicrosecond, *, arg: sge.Expression
    ) -> sge.Expression:
        """Writes the microseconds after the last whole second, also before 1970; Ibis has no translation."""
        moment = self.f.unix_micros(self.f.anon.to_timestamp(arg))
        return self.cast(self.f.pmod(moment, _MICROSECONDS_PER_SECOND), op.dtype)

    def _by_bytes(self, text: str) -> sge.Expression:
        return self.cast(self.f.unhex(text.encode().hex()), dt.string)
