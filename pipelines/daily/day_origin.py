"""What shapes a day's data and its model: what was begun with another origin is begun again."""

import dataclasses
from collections.abc import Sequence

from pipelines import artifacts, source_digest
from pipelines.daily.daily_config import DailyRunConfig
from pipelines.daily.day_record import DayRecord
from pipelines.daily.partition_digests import PartitionDigests
from pipelines.daily.partitions import Partition
from pipelines.preparation import sources

_OF_PREPARATION = ("min_count", "max_rejected_fraction", "csv_delimiter", "statistics_splits", "engine")


def origin_of(
    config: DailyRunConfig,
    partition: Partition,
    window: Sequence[Partition],
    before: DayRecord | None,
    digests: PartitionDigests,
) -> dict:
    """Returns what a day is begun with, as JSON: its data, those of its window, the model before it, options, code.

    What gates and exports are told is none of it: a day that one of them refused goes on with other bounds without
    another training.

    Raises:
      PreparationError: if the candidate or the query table cannot be found.
    """
    options = {
        **{name: getattr(config.prepare, name) for name in _OF_PREPARATION},
        "schema": config.prepare.schema.to_dict(),
        "training": dataclasses.asdict(config.training),
        "policy": dataclasses.asdict(config.warm_start.policy),
        "new_rows": config.warm_start.new_rows,
        "replay_days": config.warm_start.replay_days,
        "epochs_per_day": config.epochs_per_day,
        "slice_days": config.slice_days,
        "ask_again": config.ask_again,
    }
    return {
        "data_sha256": digests.of(partition),
        "window": {each.date.isoformat(): digests.of(each) for each in window},
        "tables": {role: _table_sha256(role, path) for role, path in _tables(config).items()},
        "before": before and {"date": before.date.isoformat(), "model": list(before.model)},
        "options_sha256": artifacts.sha256_of_json(options),
        "source_sha256": source_digest.source_sha256("tfrs_model", "pipelines"),
    }


def _tables(config: DailyRunConfig) -> dict[str, str]:
    given = {"candidates": config.prepare.candidates, "queries": config.prepare.queries}
    return {role: path for role, path in given.items() if path}


def _table_sha256(role: str, path: str) -> str:
    return artifacts.sha256_of_json([each["sha256"] for each in sources.identify(sources.find_source(role, path))])
