"""What queries chose, read from a file of interactions when it is asked for; nothing of it stays in memory."""

import pathlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from serving import errors, signatures
from serving.server import server_config

_QUERY_ID, _CANDIDATE_ID, _TIMESTAMP = signatures.QUERY_ID, signatures.CANDIDATE_ID, "timestamp"
_LONGEST_HISTORY = 100
_NUM_EXAMPLES = 10


class Histories:
    """Answers from a Parquet file such as the `interactions.parquet` of prepared data.

    That file is sorted by query, so that of its row groups one or two are read for a query; any other order is
    answered from too, by reading all of it.

    Args:
      path: of the file.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path

    def newest_of(self, query_id: str) -> dict[str, Any]:
        """Returns the newest of what a query chose, oldest first, as JSON.

        Raises:
          NotFoundError: if it chose nothing.
          DataLossError: if the file cannot be read any more.
        """
        try:
            columns = [_CANDIDATE_ID, *([_TIMESTAMP] if _TIMESTAMP in pq.read_schema(self._path).names else [])]
            interactions = ds.dataset(self._path, format="parquet")
            chosen = interactions.to_table(columns, filter=ds.field(_QUERY_ID) == query_id, use_threads=False)
            timestamps = _microseconds(chosen)
        except UnicodeEncodeError:
            # Half of a surrogate pair is in no file.
            raise _unknown_query() from None
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        if not chosen.num_rows:
            raise _unknown_query()
        # Stable: what is simultaneous keeps the order of the file. Unknown moments come first, as the oldest.
        order = pc.array_sort_indices(timestamps, null_placement="at_start")[-_LONGEST_HISTORY:]
        return {
            "candidate_ids": chosen[_CANDIDATE_ID].take(order).to_pylist(),
            "timestamps": timestamps.take(order).to_pylist(),
            "num_interactions": chosen.num_rows,
        }

    def some_query_ids(self) -> list[str]:
        """Returns some of the queries, for those who know none.

        Raises:
          DataLossError: if the file cannot be read any more.
        """
        try:
            with pq.ParquetFile(self._path) as file:
                if not file.num_row_groups:
                    return []
                known = file.read_row_group(0, [_QUERY_ID], use_threads=False)[_QUERY_ID].unique()
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error
        step = max(1, len(known) // _NUM_EXAMPLES)
        return known.drop_null().to_pylist()[::step][:_NUM_EXAMPLES]

    def _unreadable(self, error: Exception) -> errors.DataLossError:
        return errors.DataLossError(f"{self._path} cannot be read ({_reason(error)}); put the file back.")


def check(path: pathlib.Path) -> None:
    """Refuses a file that histories cannot be read from.

    Raises:
      ServerConfigError: with the flag and the remedy.
    """
    named = f"--explorer_histories={path}"
    if path.is_dir():
        raise server_config.ServerConfigError(f"{named} is a folder; name a file in it, such as interactions.parquet.")
    try:
        schema = pq.read_schema(path)
    except FileNotFoundError as error:
        raise server_config.ServerConfigError(
            f"{named} does not exist; name the interactions.parquet that prepare_data wrote."
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise server_config.ServerConfigError(f"{named} cannot be read as Parquet ({_reason(error)}).") from error
    for name in (_QUERY_ID, _CANDIDATE_ID):
        if name not in schema.names or not _is_text(schema.field(name).type):
            found = ", ".join(f"{field.name} {field.type}" for field in schema) or "none"
            raise server_config.ServerConfigError(
                f"{named} must have text columns {_QUERY_ID} and {_CANDIDATE_ID}, but has {found}; name the "
                "interactions.parquet that prepare_data wrote."
            )
    if _TIMESTAMP in schema.names and not _is_moment(schema.field(_TIMESTAMP).type):
        raise server_config.ServerConfigError(
            f"{named} must have its {_TIMESTAMP} as int64 microseconds or as Parquet's timestamps, but has "
            f"{schema.field(_TIMESTAMP).type}; write it so, or leave it out."
        )


def _unknown_query() -> errors.NotFoundError:
    return errors.NotFoundError("The histories hold nothing of this query; it is answered as a new one.")


def _is_text(dtype: pa.DataType) -> bool:
    return pa.types.is_string(dtype) or pa.types.is_large_string(dtype)


def _is_moment(dtype: pa.DataType) -> bool:
    return pa.types.is_int64(dtype) or pa.types.is_timestamp(dtype)


def _microseconds(chosen: pa.Table) -> pa.Array:
    """Returns the moments in microseconds since 1970 UTC, null where they are not known."""
    if _TIMESTAMP not in chosen.column_names:
        return pa.nulls(chosen.num_rows, pa.int64())
    moments = chosen[_TIMESTAMP].combine_chunks()
    if pa.types.is_timestamp(moments.type):
        moments = moments.cast(pa.timestamp("us", moments.type.tz), safe=False).cast(pa.int64())
    return moments


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).split("\n")[0].rstrip(".")
