"""A log cut into slices of time, each prepared to be asked with all that was before it to train on."""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.quality import sources
from pipelines import prepare_data, prepared_data
from tfrs_model import schema as schema_lib


@dataclasses.dataclass(frozen=True)
class SlicedLog:
    """A log whose slices are asked one after the other.

    Attributes:
      log: the interactions.
      slices: `[num_interactions]` number of the slice of each; 0 is the start, which is trained on and never asked.
      schema: what is what, without a split column.
      candidates: table of candidates, or `None`.
      queries: table of queries, or `None`.
      half_life_days: an interaction weighs half for each so many days before the newest one that is trained on;
        `None` leaves the weights of the schema.
    """

    log: pa.Table
    slices: np.ndarray
    schema: schema_lib.Schema
    candidates: pa.Table | None = None
    queries: pa.Table | None = None
    half_life_days: float | None = None

    @property
    def num_slices(self) -> int:
        """Slices that are asked."""
        return int(self.slices.max())

    def prepare(self, number: int, directory: pathlib.Path) -> prepared_data.PreparedData:
        """Prepares what is before a slice as `train` and the slice as `test`; of what is later nothing is in it.

        Args:
          number: of the slice, from 1.
          directory: where the tables and the prepared data go.
        """
        before, asked = (self.log.filter(pa.array(each)) for each in (self.slices < number, self.slices == number))
        roles = dataclasses.replace(self.schema.interactions, split="split")
        if self.half_life_days is not None:
            weights = sources.recency_weights(before[roles.timestamp], self.half_life_days)
            before = before.append_column("recency", weights)
            asked = asked.append_column("recency", pa.array(np.ones(len(asked))))
            roles = dataclasses.replace(roles, weight="recency")
        log = pa.concat_tables(
            each.append_column("split", pa.array([split] * len(each)))
            for each, split in ((before, "train"), (asked, "test"))
        )
        tables = {"interactions": log, "queries": self.queries}
        if self.candidates is not None:
            # What is never sold until then is nothing that could be answered.
            is_in_log = pc.is_in(self.candidates[roles.candidate_id], pc.unique(log[roles.candidate_id]))
            tables["candidates"] = self.candidates.filter(is_in_log)
        return _prepare(tables, dataclasses.replace(self.schema, interactions=roles), directory)


def last_slices(timestamps: np.ndarray, num_slices: int, slice_days: int) -> np.ndarray:
    """Returns the number of the slice of each moment, `num_slices` for the last one and 0 for all before the first.

    The last slice ends with the day of the newest moment, so that every slice is whole. Of moments on days 1 to 20,
    the last 2 slices of 7 days are days 7 to 13, which is 1, and days 14 to 20, which is 2.

    Args:
      timestamps: `[num_moments]` int64 microseconds UTC.
      num_slices: how many there are.
      slice_days: length of each.
    """
    day = 24 * 3600 * 1_000_000
    end_day = timestamps.max() // day + 1
    slices_ago = (end_day - 1 - timestamps // day) // slice_days
    return np.maximum(num_slices - slices_ago, 0)


def _prepare(tables: dict, schema: schema_lib.Schema, directory: pathlib.Path) -> prepared_data.PreparedData:
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: directory / f"{name}.parquet" for name, table in tables.items() if table is not None}
    for name, path in paths.items():
        pq.write_table(tables[name], path)
    prepare_data.run(
        prepare_data.PrepareConfig(
            **{name: str(path) for name, path in paths.items()},
            prepared_dir=str(directory / "prepared"),
            schema=schema,
            split="given",
        )
    )
    return prepared_data.read_prepared_data(directory / "prepared")
