"""Embedding tables that features share by name."""

from collections.abc import Mapping

from tfrs_model.schema_feature import CANDIDATE_ID, ID_TABLES, QUERY_ID, Feature
from tfrs_model.schema_rules import SchemaError, dotted

FeaturesBySide = Mapping[str, tuple[Feature, ...]]

# What features that share a table must have in common.
_COMMON = ("embedding_dim", "hash_buckets")
_COMMON_OF_KIND = {"bucketised": ("boundaries",), "text": ("ngram_unit", "ngram_sizes")}


def check_tables(features_by_side: FeaturesBySide) -> None:
    """Refuses features that name one table and cannot share it, and tables whose names differ only in case.

    Raises:
      SchemaError: names both features.
    """
    spellings = {name: name for name in ID_TABLES}
    first: dict[str, tuple[str, Feature]] = {}
    for side, features in features_by_side.items():
        for position, feature in enumerate(features):
            if feature.table is None:
                continue
            where = (f"{side}_features", position)
            spelling = spellings.setdefault(feature.table.lower(), feature.table)
            if spelling != feature.table:
                raise SchemaError(
                    f"{dotted(where)}.table is {feature.table!r}, but there is a table {spelling!r}, of which file "
                    "systems may not tell it; give one of them another name.",
                    (*where, "table"),
                )
            if feature.table not in ID_TABLES:
                _check_pair(feature, where, *first.setdefault(feature.table, (dotted(where), feature)))


def vocabularies(features_by_side: FeaturesBySide) -> dict[str, tuple[tuple[str, Feature], ...]]:
    """Returns, by table with a vocabulary, side and feature of all that share it; the id tables come first."""
    sharing: dict[str, list[tuple[str, Feature]]] = {QUERY_ID: [], CANDIDATE_ID: []}
    for side, features in features_by_side.items():
        for feature in features:
            if feature.has_vocabulary:
                sharing.setdefault(feature.table_name(side), []).append((side, feature))
    return {table: tuple(each) for table, each in sharing.items()}


def _check_pair(feature: Feature, where: tuple[str | int, ...], other_where: str, other: Feature) -> None:
    """Refuses a feature that differs from the first of its table; a feature is compared with itself, too."""
    here = f"{dotted(where)} shares table {feature.table!r} with {other_where}"
    if feature is not other and (feature.num_buckets or other.num_buckets):
        raise SchemaError(
            f"{here}, but num_buckets gives each boundaries of its own; give both the same 'boundaries'.",
            (*where, "table"),
        )
    kinds = [each.kind if each.kind in _COMMON_OF_KIND else "strings" for each in (feature, other)]
    if kinds[0] != kinds[1]:
        raise SchemaError(
            f"{here}, but is {feature.kind!r} where the other is {other.kind!r}; give it a table of its own.",
            (*where, "table"),
        )
    for option in (*_COMMON, *_COMMON_OF_KIND.get(feature.kind, ())):
        mine, theirs = getattr(feature, option), getattr(other, option)
        if mine != theirs:
            raise SchemaError(
                f"{here}, so {option} must be {theirs!r}, but is {mine!r}; make them equal, or name another table.",
                (*where, option),
            )
