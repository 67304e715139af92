"""The order of preparation: corpus, interactions, splits, queries, vocabularies, statistics."""

import dataclasses
import shutil
from collections.abc import Mapping

import ibis.expr.types as ir

from pipelines import artifacts, job
from pipelines.preparation import interactions as interactions_lib
from pipelines.preparation import splits, tables, training_statistics
from pipelines.preparation.engine import DuckDbEngine
from pipelines.preparation.sources import Source
from tfrs_model.schema import CANDIDATE_ID, QUERY_ID, Feature, InteractionColumns, Schema

_COUNTS = ("interactions", "queries", "candidates", "queries_wholly_train")


@dataclasses.dataclass(frozen=True)
class BuildOptions:
    """What shapes the tables besides the sources and the schema.

    Attributes:
      split: one of `splits.SPLIT_METHODS`.
      validation_fraction: share of rows, for `global_time`.
      test_fraction: share of rows, for `global_time`.
      min_count: training interactions that a vocabulary value needs.
      max_rejected_fraction: share of refused interactions above which the build fails.
    """

    split: str
    validation_fraction: float
    test_fraction: float
    min_count: int
    max_rejected_fraction: float


def build_tables(
    sources: Mapping[str, Source],
    schema: Schema,
    options: BuildOptions,
    paths: artifacts.PreparedPaths,
    memory_limit: str | None = None,
) -> dict:
    """Writes every table of a prepared directory.

    Args:
      sources: by role; `interactions`, and optionally `candidates` and `queries`.
      schema: columns and features.
      options: what shapes the tables.
      paths: an existing empty directory.
      memory_limit: of the engine, such as `2GB`.

    Returns:
      The manifest's `counts`, `drops`, `numeric_statistics`, `time_range_microseconds` and `split_boundaries`.

    Raises:
      PreparationError: if a source breaks a rule.
    """
    scratch = paths.directory / ".scratch"
    scratch.mkdir()
    with DuckDbEngine(scratch, memory_limit) as engine:
        content = _Build(engine, sources, schema, options, paths).run()
    shutil.rmtree(scratch)
    return content


class _Build:
    def __init__(
        self,
        engine: DuckDbEngine,
        sources: Mapping[str, Source],
        schema: Schema,
        options: BuildOptions,
        paths: artifacts.PreparedPaths,
    ):
        self._engine = engine
        self._sources = sources
        self._schema = schema
        self._options = options
        self._paths = paths
        self._drops: dict[str, int] = {}
        self._counts: dict = {}
        self._boundaries: dict[str, int] = {}

    def run(self) -> dict:
        corpus = self._write_candidate_table() if "candidates" in self._sources else None
        accepted = self._read_log(corpus)
        interactions, time_range = self._write_interactions(accepted)
        if corpus is None:
            corpus = self._write_corpus_of_log(interactions)
        queries = self._write_queries(interactions)
        statistics = self._write_vocabularies(interactions, queries, corpus)
        return {
            "counts": {name: self._counts[name] for name in _COUNTS if name in self._counts},
            "drops": self._drops,
            "split_boundaries": self._boundaries,
            "numeric_statistics": statistics,
            "time_range_microseconds": time_range,
        }

    def _write_candidate_table(self) -> ir.Table:
        source, features = self._sources["candidates"], self._schema.candidate_features
        with job.stage("Reading the candidate table") as counts:
            entities = tables.read_entities(
                self._engine, source, self._roles.candidate_id, CANDIDATE_ID, features, self._schema.title
            )
            self._engine.write_parquet(entities.order_by(CANDIDATE_ID), self._paths.candidates)
            self._drops |= tables.count_removed_values(self._engine, source, features, "candidate")
            corpus = self._engine.read_parquet([self._paths.candidates])
            counts["candidates"] = self._counts["candidates"] = self._count(corpus)
        return corpus

    def _read_log(self, corpus: ir.Table | None) -> ir.Table:
        source, given = self._sources["interactions"], self._options.split == "given"
        with job.stage("Reading interactions") as counts:
            interactions_lib.require_interaction_columns(source, self._roles, given)
            log = source.open(self._engine)
            rows = interactions_lib.read_interactions(log, self._roles, given, corpus)
            rows = interactions_lib.refuse_mixed_units(self._engine, self._engine.materialise(rows, "log"))
            total, refused = interactions_lib.count_by_reason(self._engine, rows)
            interactions_lib.check_drops(total, refused, self._options.max_rejected_fraction)
            if given:
                interactions_lib.check_given_splits(self._engine, rows, self._roles.split)
            accepted = self._engine.materialise(interactions_lib.remove_duplicates(rows), "accepted")
            duplicates = total - sum(refused.values()) - self._count(accepted)
            if duplicates:
                refused[interactions_lib.DUPLICATE] = duplicates
            self._drops = refused | self._drops
            counts |= {"rows": total, "dropped": sum(refused.values())}
        return accepted

    def _write_interactions(self, accepted: ir.Table) -> tuple[ir.Table, list[int] | None]:
        with job.stage("Splitting") as counts:
            split = self._split(accepted)
            self._engine.write_parquet(splits.with_history_end(split), self._paths.interactions)
            interactions = self._engine.read_parquet([self._paths.interactions])
            found = self._engine.rows(interactions.group_by("split").aggregate(rows=interactions.count()))
            by_split = {each["split"]: each["rows"] for each in found}
            splits.check_splits(by_split, self._options.split, self._splits_wanted())
            self._counts["interactions"] = {name: by_split.get(name, 0) for name in interactions_lib.SPLITS}
            counts |= self._counts["interactions"]
        if self._roles.timestamp is None:
            return interactions, None
        ends = interactions.aggregate(first=interactions.timestamp.min(), last=interactions.timestamp.max())
        return interactions, list(self._engine.rows(ends)[0].values())

    def _split(self, accepted: ir.Table) -> ir.Table:
        if self._options.split == "leave_last_out":
            self._counts["queries_wholly_train"] = splits.count_short_queries(self._engine, accepted)
            return splits.leave_last_out(accepted)
        if self._options.split == "global_time":
            cut, self._boundaries = splits.global_time(
                self._engine, accepted, self._options.validation_fraction, self._options.test_fraction
            )
            return cut
        return accepted

    def _splits_wanted(self) -> tuple[str, ...]:
        if self._options.split == "given":
            return ("train",)
        if self._options.split == "leave_last_out":
            return interactions_lib.SPLITS
        fractions = {"validation": self._options.validation_fraction, "test": self._options.test_fraction}
        return ("train", *(name for name, fraction in fractions.items() if fraction > 0.0))

    def _write_corpus_of_log(self, interactions: ir.Table) -> ir.Table:
        ids = interactions.select(CANDIDATE_ID).distinct()
        self._engine.write_parquet(ids.order_by(CANDIDATE_ID), self._paths.candidates)
        corpus = self._engine.read_parquet([self._paths.candidates])
        self._counts["candidates"] = self._count(corpus)
        return corpus

    def _write_queries(self, interactions: ir.Table) -> ir.Table:
        features, entities = self._schema.query_features, None
        with job.stage("Writing queries") as counts:
            if "queries" in self._sources:
                source = self._sources["queries"]
                entities = tables.read_entities(self._engine, source, self._roles.query_id, QUERY_ID, features)
                self._drops |= tables.count_removed_values(self._engine, source, features, "query")
            ids = interactions.select(QUERY_ID).distinct()
            rows = tables.with_missing_features(ids, QUERY_ID, entities, features)
            self._engine.write_parquet(rows, self._paths.queries)
            queries = self._engine.read_parquet([self._paths.queries])
            counts["queries"] = self._counts["queries"] = self._count(queries)
        return queries

    def _write_vocabularies(self, interactions: ir.Table, queries: ir.Table, corpus: ir.Table) -> dict:
        self._paths.vocabulary(QUERY_ID).parent.mkdir()
        with job.stage("Writing vocabularies"):
            return {
                "query": self._write_side(interactions, "query", QUERY_ID, queries, self._schema.query_features),
                "candidate": self._write_side(
                    interactions, "candidate", CANDIDATE_ID, corpus, self._schema.candidate_features
                ),
            }

    def _write_side(
        self, interactions: ir.Table, side: str, id_name: str, entities: ir.Table, features: tuple[Feature, ...]
    ) -> dict[str, dict[str, float]]:
        counts = training_statistics.training_counts(interactions, id_name)
        counts = self._engine.materialise(counts, f"{side}_counts")
        minimum = self._options.min_count
        ids = training_statistics.id_vocabulary(counts, id_name, minimum)
        self._engine.write_parquet(ids, self._paths.vocabulary(id_name))
        for feature, values in training_statistics.feature_vocabularies(counts, id_name, entities, features, minimum):
            self._engine.write_parquet(values, self._paths.vocabulary(f"{side}.{feature.name}"))
        return training_statistics.numeric_statistics(self._engine, counts, id_name, entities, features)

    @property
    def _roles(self) -> InteractionColumns:
        return self._schema.interactions

    def _count(self, table: ir.Table) -> int:
        return self._engine.rows(table.aggregate(rows=table.count()))[0]["rows"]
