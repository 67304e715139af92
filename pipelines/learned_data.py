"""What a model has learned of its data besides weights: vocabularies with counts and ages, statistics, how far in time.

In a model's description:

  manifest.json               of the prepared data, with the statistics and boundaries that the weights were trained on
  vocabularies/TABLE.parquet  values with a row, in the order of their rows
  waiting/TABLE.parquet       values without one, from the most frequent on, with the same columns:
                              value (string), count (int64 training interactions of all days),
                              last_seen (int64 microseconds UTC of the newest of them)
  learned.json                until_microseconds, the newest training interaction; frequency_num_buckets; and by table
                              the number of values known, new, expired, waiting and forgotten
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import artifacts, prepared_data, sightings
from pipelines.examples import Examples
from tfrs_model import frequency, growth, model_config
from tfrs_model.schema import CANDIDATE_ID

_FILE, _WAITING = "learned.json", "waiting"
# What stays as it was on the first day: weights were trained on numbers that these have made.
_STATISTICS = ("numeric_statistics", "bucket_boundaries")


class LearnedDataError(ValueError):
    """What a model has learned of its data is missing."""


@dataclasses.dataclass(frozen=True)
class LearnedData:
    """What a model has learned of its data when its run ends.

    Attributes:
      manifest: of the prepared data, with the statistics of the first day.
      known: by table, the values with a row.
      waiting: by table, those without one.
      until_microseconds: the newest training interaction; `None` on a log without time.
      frequency_num_buckets: of each hash of the frequency estimate.
      changes: by table, how many values are `known`, `new`, `expired`, `waiting` and `forgotten`.
    """

    manifest: Mapping
    known: Mapping[str, growth.VocabularyEntries]
    waiting: Mapping[str, growth.VocabularyEntries]
    until_microseconds: int | None
    frequency_num_buckets: int
    changes: Mapping[str, Mapping[str, int]]

    def summary(self) -> dict[str, int]:
        """Returns by table and kind of change what is known, and of the rest what is not 0, for a line of the log."""
        return {
            f"{table} {what}": count
            for table, of_table in self.changes.items()
            for what, count in of_table.items()
            if count or what == "known"
        }

    def write(self, directory: pathlib.Path) -> None:
        """Writes all of it into an existing, empty directory."""
        paths, files = artifacts.PreparedPaths(directory), {}
        for folder, entries in ((paths.vocabularies, self.known), (directory / _WAITING, self.waiting)):
            folder.mkdir()
            for table, of_table in entries.items():
                pq.write_table(_as_table(of_table), folder / f"{table}.parquet")
        for table in self.known:
            path = paths.vocabulary(table)
            files[path.relative_to(directory).as_posix()] = artifacts.sha256_of_file(path)
        artifacts.write_json(paths.manifest, {**self.manifest, "files": {**self.manifest["files"], **files}})
        numbers = {name: getattr(self, name) for name in ("until_microseconds", "frequency_num_buckets")}
        artifacts.write_json(directory / _FILE, {**numbers, "vocabularies": self.changes})

    @classmethod
    def read(cls, directory: pathlib.Path) -> "LearnedData":
        """Reads back what `write` wrote.

        Raises:
          LearnedDataError: if a model of an earlier version did not write it.
        """
        numbers = read_numbers(directory)
        paths = artifacts.PreparedPaths(directory)
        return cls(
            manifest=artifacts.read_json(paths.manifest),
            known={table: _entries(paths.vocabulary(table)) for table in numbers["vocabularies"]},
            waiting={table: _entries(directory / _WAITING / f"{table}.parquet") for table in numbers["vocabularies"]},
            until_microseconds=numbers["until_microseconds"],
            frequency_num_buckets=numbers["frequency_num_buckets"],
            changes=numbers["vocabularies"],
        )


def read_numbers(directory: pathlib.Path) -> dict:
    """Returns `until_microseconds`, `frequency_num_buckets` and the changes of `vocabularies` of a description.

    Raises:
      LearnedDataError: if a model of an earlier version did not write them.
    """
    path = directory / _FILE
    if not path.is_file():
        raise LearnedDataError(
            f"{path} is missing: the model was trained by an earlier version, which kept no counts; train it again."
        )
    return artifacts.read_json(path)


def of_first_day(data: prepared_data.PreparedData, config: model_config.ModelConfig) -> LearnedData:
    """Returns what a run that starts afresh has learned: the prepared vocabularies and statistics."""
    seen, known, waiting = sightings.of_training(data), {}, {}
    for table, of_table in seen.items():
        numbers = of_table.as_dict()
        values = pq.read_table(data.paths.vocabulary(table), columns=["value"])["value"].to_pylist()
        known[table] = growth.VocabularyEntries.from_dict({value: numbers.pop(value) for value in values})
        waiting[table] = growth.VocabularyEntries.from_dict(numbers)
    return LearnedData(
        manifest=data.manifest,
        known=known,
        waiting=waiting,
        until_microseconds=_newest(data, data.examples("train")),
        frequency_num_buckets=config.frequency_num_buckets or max(1, len(known[CANDIDATE_ID])),
        changes={table: _changes(known[table], waiting[table], new=len(known[table])) for table in known},
    )


def of_next_day(
    before: LearnedData,
    data: prepared_data.PreparedData,
    examples: Examples,
    policy: growth.VocabularyPolicy,
    config: model_config.ModelConfig,
) -> LearnedData:
    """Returns what a run that goes on from another has learned when it has trained on newer examples.

    Args:
      before: what the other had learned.
      data: that the examples are of.
      examples: all newer than what the other had learned; at least one.
      policy: when values come and go.
      config: the model's options.
    """
    now, seen = int(examples.timestamps.max()), sightings.of_examples(data, [examples])
    grown = {
        table: growth.grow_vocabulary(before.known[table], before.waiting[table], each, policy, now)
        for table, each in seen.items()
    }
    num_buckets = frequency.num_buckets_for(
        len(grown[CANDIDATE_ID].known), config.frequency_num_hashes, before.frequency_num_buckets
    )
    return LearnedData(
        manifest={**data.manifest, **{name: before.manifest[name] for name in _STATISTICS}},
        known={table: each.known for table, each in grown.items()},
        waiting={table: each.waiting for table, each in grown.items()},
        until_microseconds=now,
        frequency_num_buckets=config.frequency_num_buckets or num_buckets,
        changes={
            table: _changes(each.known, each.waiting, each.num_new, each.num_expired, each.num_forgotten)
            for table, each in grown.items()
        },
    )


def _newest(data: prepared_data.PreparedData, examples: Examples) -> int | None:
    return None if data.schema.interactions.timestamp is None else int(examples.timestamps.max())


def _changes(
    known: growth.VocabularyEntries,
    waiting: growth.VocabularyEntries,
    new: int,
    expired: int = 0,
    forgotten: int = 0,
) -> dict[str, int]:
    return {"known": len(known), "new": new, "expired": expired, "waiting": len(waiting), "forgotten": forgotten}


def _as_table(entries: growth.VocabularyEntries) -> pa.Table:
    columns = [pa.array(entries.values, pa.string()), pa.array(entries.counts), pa.array(entries.last_seen)]
    return pa.table(columns, names=["value", "count", "last_seen"])


def _entries(path: pathlib.Path) -> growth.VocabularyEntries:
    table = pq.read_table(path)
    numbers = (table[name].to_numpy().astype(np.int64) for name in ("count", "last_seen"))
    return growth.VocabularyEntries(tuple(table["value"].to_pylist()), *numbers)
