"""The interactions once more, one file a day, for training that goes on day by day."""

import datetime
import pathlib

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import artifacts

_MICROSECONDS_PER_DAY = 86_400_000_000
_BATCH_ROWS = 122_880


def in_order_of_time(interactions: ir.Table) -> ir.Table:
    """Returns the interactions sorted by time, then query, then candidate, which together are unique."""
    return interactions.order_by([interactions.timestamp, interactions.query_id, interactions.candidate_id])


def write_days(in_time: pathlib.Path, paths: artifacts.PreparedPaths) -> int:
    """Cuts a file sorted by time into `days/date=YYYY-MM-DD/interactions.parquet`, in UTC; returns how many there are.

    Rows pass in batches; memory does not grow with them.

    Args:
      in_time: Parquet file, as `in_order_of_time` sorted it.
      paths: of the prepared directory.
    """
    paths.days.mkdir(exist_ok=True)
    day, writer, num_days = None, None, 0
    with pq.ParquetFile(in_time) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            for of_day, rows in _by_day(batch):
                if of_day != day:
                    _close(writer)
                    day, num_days = of_day, num_days + 1
                    writer = _open(paths.day(_date(of_day)), file.schema_arrow)
                writer.write_batch(rows)
    _close(writer)
    return num_days


def _by_day(batch: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
    """Returns the days since 1970 of a batch sorted by time, each with its rows."""
    days = pc.divide(batch["timestamp"], _MICROSECONDS_PER_DAY)
    counted = pc.value_counts(days)
    cuts, begin = [], 0
    for each in counted.to_pylist():
        cuts.append((each["values"], batch.slice(begin, each["counts"])))
        begin += each["counts"]
    return cuts


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def _open(path: pathlib.Path, schema: pa.Schema) -> pq.ParquetWriter:
    path.parent.mkdir(exist_ok=True)
    return pq.ParquetWriter(path, schema, compression="zstd")


def _close(writer: pq.ParquetWriter | None) -> None:
    if writer is not None:
        writer.close()
