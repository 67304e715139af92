"""The order of preparation: corpus, interactions, splits, queries, vocabularies, statistics, days."""

import dataclasses
from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from pipelines import artifacts, publishing
from pipelines.preparation import (
    conversion,
    day_partitions,
    scratch_hold,
    similar_ids,
    splits,
    tables,
    training_statistics,
)
from pipelines.preparation import interactions as interactions_lib
from pipelines.preparation.engine import Engine
from pipelines.preparation.engines import EngineOptions, open_engine
from pipelines.preparation.sources import Source
from pipelines.preparation.stages import Stages
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, InteractionColumns, Schema


@dataclasses.dataclass(frozen=True)
class BuildOptions:
    """What shapes the tables besides the sources and the schema.

    Attributes:
      split: one of `splits.SPLIT_METHODS`.
      validation_fraction: share of rows, for `global_time`.
      test_fraction: share of rows, for `global_time`.
      min_count: training interactions that a vocabulary value needs.
      statistics_splits: those that vocabularies and statistics are made of, with commas between.
      max_rejected_fraction: share of refused interactions above which the build fails.
      day_partitions: whether the interactions are also written day by day.
    """

    split: str
    validation_fraction: float
    test_fraction: float
    min_count: int
    statistics_splits: str
    max_rejected_fraction: float
    day_partitions: bool = False


def build_tables(
    sources: Mapping[str, Source],
    schema: Schema,
    options: BuildOptions,
    unfinished: publishing.Unfinished,
    engine_options: EngineOptions,
) -> dict:
    """Writes every table of a prepared directory, but for stages that an interrupted run has finished.

    Args:
      sources: by role; `interactions`, and optionally `candidates` and `queries`.
      schema: columns and features.
      options: what shapes the tables.
      unfinished: where the tables and what is kept between stages are written.
      engine_options: which engine, and with how much memory.

    Returns:
      The manifest's `counts`, `drops` (interactions by reason), `removed_values` (empty list elements by feature),
      `similar_ids`, `split_boundaries`, `numeric_statistics`, `bucket_boundaries` and `time_range_microseconds`.

    Raises:
      PreparationError: if a source breaks a rule.
    """
    stages, work = Stages(unfinished.work), unfinished.work
    readable = {role: conversion.as_parquet(source, schema, work, stages) for role, source in sources.items()}
    with scratch_hold.hold(work) as held, open_engine(engine_options, work, held) as engine:
        return _Build(engine, readable, schema, options, unfinished, stages).run()


class _Build:
    def __init__(
        self,
        engine: Engine,
        sources: Mapping[str, Source],
        schema: Schema,
        options: BuildOptions,
        unfinished: publishing.Unfinished,
        stages: Stages,
    ):
        self._engine = engine
        self._sources = sources
        self._schema = schema
        self._options = options
        self._paths = artifacts.PreparedPaths(unfinished.content)
        self._accepted = unfinished.work / "accepted.parquet"
        self._in_time = unfinished.work / "in_time.parquet"
        self._stages = stages

    def run(self) -> dict:
        paths = self._paths
        found = {}
        if "candidates" in self._sources:
            found["candidates"] = self._stages.run(
                "candidates", "Reading the candidate table", [paths.candidates], self._write_candidate_table
            )
        found["log"] = self._stages.run("log", "Reading interactions", [self._accepted], self._read_log)
        found["interactions"] = self._stages.run(
            "interactions", "Splitting", [paths.interactions], self._write_interactions
        )
        if "candidates" not in self._sources:
            found["candidates"] = self._stages.run(
                "candidates", "Writing candidates", [paths.candidates], self._write_corpus_of_log
            )
        found["queries"] = self._stages.run("queries", "Writing queries", [paths.queries], self._write_queries)
        found["vocabularies"] = self._stages.run(
            "vocabularies", "Writing vocabularies", [paths.vocabularies], self._write_vocabularies
        )
        if self._options.day_partitions:
            self._stages.run("days", "Writing days", [paths.days], self._write_days)
        return _content(found)

    def _write_candidate_table(self) -> dict:
        source, features = self._sources["candidates"], self._schema.candidate_features
        entities = tables.read_entities(
            self._engine, source, self._roles.candidate_id, CANDIDATE_ID, features, self._schema.title
        )
        self._engine.write_parquet(entities.order_by(CANDIDATE_ID), self._paths.candidates)
        removed = tables.count_removed_values(self._engine, source, features, "candidate")
        return self._of_entities(self._corpus, CANDIDATE_ID) | {"removed_values": removed}

    def _read_log(self) -> dict:
        source, given = self._sources["interactions"], self._options.split == "given"
        context = self._schema.context_features
        interactions_lib.require_interaction_columns(source, self._roles, given, context)
        log = source.open(self._engine)
        corpus = self._corpus if "candidates" in self._sources else None
        rows = interactions_lib.read_interactions(log, self._roles, given, corpus, context)
        rows = interactions_lib.refuse_mixed_units(self._engine, self._engine.materialise(rows, "log"))
        total, refused = interactions_lib.count_by_reason(self._engine, rows)
        interactions_lib.check_drops(total, refused, self._options.max_rejected_fraction)
        if given:
            interactions_lib.check_given_splits(self._engine, rows, self._roles.split)
        self._engine.write_parquet(interactions_lib.remove_duplicates(rows), self._accepted)
        duplicates = total - sum(refused.values()) - self._count(self._engine.read_parquet([self._accepted]))
        if duplicates:
            refused[interactions_lib.DUPLICATE] = duplicates
        removed = tables.count_removed_values(self._engine, source, context, "context")
        logged = {"rows": total, "dropped": sum(refused.values())}
        return {"drops": refused, "removed_values": removed, "logged": logged}

    def _write_interactions(self) -> dict:
        split, found = self._split(self._engine.read_parquet([self._accepted]))
        self._engine.write_parquet(splits.with_history_end(split), self._paths.interactions)
        interactions = self._interactions
        by_split = self._engine.rows(interactions.group_by("split").aggregate(rows=interactions.count()))
        rows = {each["split"]: each["rows"] for each in by_split}
        splits.check_splits(rows, self._options.split, self._splits_wanted())
        counts = {name: rows.get(name, 0) for name in artifacts.SPLITS}
        found["counts"] = {"interactions": counts, **found["counts"]}
        return {**found, "time_range_microseconds": self._time_range(), "logged": counts}

    def _split(self, accepted: ir.Table) -> tuple[ir.Table, dict]:
        """Returns the rows with their split, and what is to be told of it."""
        if self._options.split == "leave_last_out":
            wholly_train = splits.count_short_queries(self._engine, accepted)
            return splits.leave_last_out(splits.with_candidate_order(accepted)), {
                "counts": {"queries_wholly_train": wholly_train}
            }
        if self._options.split == "global_time":
            cut, boundaries = splits.global_time(
                self._engine, accepted, self._options.validation_fraction, self._options.test_fraction
            )
            return splits.with_candidate_order(cut), {"counts": {}, "split_boundaries": boundaries}
        if self._options.split == "none":
            return splits.with_candidate_order(accepted.mutate(split=ibis.literal("train"))), {"counts": {}}
        return splits.with_candidate_order(accepted), {"counts": {}}

    def _splits_wanted(self) -> tuple[str, ...]:
        if self._options.split in ("given", "none"):
            return ("train",)
        if self._options.split == "leave_last_out":
            return artifacts.SPLITS
        fractions = {"validation": self._options.validation_fraction, "test": self._options.test_fraction}
        return ("train", *(name for name, fraction in fractions.items() if fraction > 0.0))

    def _time_range(self) -> list[int] | None:
        if self._roles.timestamp is None:
            return None
        interactions = self._interactions
        ends = interactions.aggregate(first=interactions.timestamp.min(), last=interactions.timestamp.max())
        return list(self._engine.rows(ends)[0].values())

    def _write_corpus_of_log(self) -> dict:
        ids = self._interactions.select(CANDIDATE_ID).distinct()
        self._engine.write_parquet(ids.order_by(CANDIDATE_ID), self._paths.candidates)
        return self._of_entities(self._corpus, CANDIDATE_ID)

    def _write_queries(self) -> dict:
        features, entities, removed, counts = self._schema.query_features, None, {}, {}
        ids = self._interactions.select(QUERY_ID).distinct()
        if "queries" in self._sources:
            source = self._sources["queries"]
            entities = tables.read_entities(self._engine, source, self._roles.query_id, QUERY_ID, features)
            removed = tables.count_removed_values(self._engine, source, features, "query")
            counts["queries_without_features"] = tables.count_without_features(self._engine, ids, QUERY_ID, entities)
        rows = tables.with_missing_features(ids, QUERY_ID, entities, features)
        self._engine.write_parquet(rows, self._paths.queries)
        found = self._of_entities(self._queries, QUERY_ID)
        merged = {key: found[key] | counts for key in ("counts", "logged")}
        return {**found, **merged, "removed_values": removed}

    def _of_entities(self, entities: ir.Table, id_name: str) -> dict:
        side = {QUERY_ID: "queries", CANDIDATE_ID: "candidates"}[id_name]
        count = self._count(entities)
        similar = similar_ids.count_similar(self._engine, entities, id_name)
        return {"counts": {side: count}, "similar_ids": {id_name: similar}, "logged": {side: count}}

    def _write_vocabularies(self) -> dict:
        self._paths.vocabularies.mkdir(exist_ok=True)
        splits_seen = self._options.statistics_splits.split(",")
        seen = {"context": training_statistics.seen_contexts(self._interactions, splits_seen)}
        for side, id_name, entities in (
            ("query", QUERY_ID, self._queries),
            ("candidate", CANDIDATE_ID, self._corpus),
        ):
            rows = training_statistics.seen_entities(self._interactions, id_name, entities, splits_seen)
            seen[side] = self._engine.materialise(rows, f"{side}_seen")
        for table, values in training_statistics.vocabularies(seen, self._schema, self._options.min_count):
            self._engine.write_parquet(values, self._paths.vocabulary(table))
        return {
            "numeric_statistics": training_statistics.numeric_statistics(self._engine, seen, self._schema),
            "bucket_boundaries": training_statistics.bucket_boundaries(self._engine, seen, self._schema),
        }

    def _write_days(self) -> dict:
        self._engine.write_parquet(day_partitions.in_order_of_time(self._interactions), self._in_time)
        num_days = day_partitions.write_days(self._in_time, self._paths)
        self._in_time.unlink()
        return {"logged": {"days": num_days}}

    @property
    def _interactions(self) -> ir.Table:
        return self._engine.read_parquet([self._paths.interactions])

    @property
    def _corpus(self) -> ir.Table:
        return self._engine.read_parquet([self._paths.candidates])

    @property
    def _queries(self) -> ir.Table:
        return self._engine.read_parquet([self._paths.queries])

    @property
    def _roles(self) -> InteractionColumns:
        return self._schema.interactions

    def _count(self, table: ir.Table) -> int:
        return self._engine.rows(table.aggregate(rows=table.count()))[0]["rows"]


def _content(found: Mapping[str, Mapping]) -> dict:
    """Returns the manifest's part of what the stages found."""

    def together(key: str, stages: tuple[str, ...]) -> dict:
        return {name: value for stage in stages for name, value in found[stage].get(key, {}).items()}

    return {
        "counts": together("counts", ("interactions", "queries", "candidates")),
        "drops": found["log"]["drops"],
        "removed_values": together("removed_values", ("queries", "log", "candidates")),
        "similar_ids": together("similar_ids", ("queries", "candidates")),
        "split_boundaries": found["interactions"].get("split_boundaries", {}),
        **{name: found["vocabularies"][name] for name in ("numeric_statistics", "bucket_boundaries")},
        "time_range_microseconds": found["interactions"]["time_range_microseconds"],
    }
