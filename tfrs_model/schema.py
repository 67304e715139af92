"""The schema: which column is what, written once, read by every arrow of the line.

A schema is a JSON file. Preparation reads the source columns it names, training
builds one input layer per feature, the export names its inputs after them, and
a client can read it to know what to send. This module imports nothing heavy.
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from tfrs_model import schema_tables
from tfrs_model.schema_feature import (
    CANDIDATE_ID,
    FEATURE_KINDS,
    HISTORY,
    HISTORY_END,
    HISTORY_ROW,
    HISTORY_TIMESTAMPS,
    ID_TABLES,
    MISSING_MOMENT,
    MOMENT,
    NGRAM_UNITS,
    POOLINGS,
    QUERY_ID,
    RESERVED_NAMES,
    TIMESTAMP_PARTS,
    TIMESTAMP_UNITS,
    Feature,
)
from tfrs_model.schema_file import SchemaFile
from tfrs_model.schema_rules import SchemaError, dotted, refuse_unknown_keys, require_name

__all__ = [
    "CANDIDATE_ID",
    "FEATURE_KINDS",
    "HISTORY",
    "HISTORY_END",
    "HISTORY_ROW",
    "HISTORY_TIMESTAMPS",
    "ID_TABLES",
    "MISSING_MOMENT",
    "MOMENT",
    "NGRAM_UNITS",
    "POOLINGS",
    "QUERY_ID",
    "RESERVED_NAMES",
    "SCHEMA_VERSION",
    "SIDES",
    "TIMESTAMP_PARTS",
    "TIMESTAMP_UNITS",
    "Feature",
    "InteractionColumns",
    "Schema",
    "SchemaError",
    "read_schema",
]

SCHEMA_VERSION = 2
SIDES = ("query", "context", "candidate")

# The least normal number, and the greatest.
_FLOAT32_LEAST, _FLOAT32_MAX = 2.0**-126, 3.4028234663852886e38

# What of the interactions says how a column is read rather than which.
_NO_COLUMNS = ("timestamp_unit", "minimum_weight")


@dataclasses.dataclass(frozen=True)
class InteractionColumns:
    """Source columns of the interaction log.

    Attributes:
      query_id: who or what asks.
      candidate_id: what was chosen.
      timestamp: when; `None` for a log without time, where a history is all else that the query chose.
      timestamp_unit: one of `s`, `ms`, `us`, counted from 1970-01-01 UTC.
      weight: reward of the interaction, a finite number >= 0; `None` means 1 each.
      weight_divisor: column that the weight is divided by, > 0, such as the length of what was
        watched; `None` divides by nothing.
      minimum_weight: interactions of less, after the division and as float32, are no positives and left out;
        `None` keeps all.
      split: column holding `train`, `validation` or `test`; `None` if splits are to be made.
      tie_break: column that orders interactions of one query at the same timestamp;
        `None` orders them by the SHA-256 of the candidate id.
    """

    query_id: str = "query_id"
    candidate_id: str = "candidate_id"
    timestamp: str | None = "timestamp"
    timestamp_unit: str = "s"
    weight: str | None = None
    weight_divisor: str | None = None
    minimum_weight: float | None = None
    split: str | None = None
    tie_break: str | None = None

    def __post_init__(self) -> None:
        if self.timestamp_unit not in TIMESTAMP_UNITS:
            raise SchemaError(
                f"interactions.timestamp_unit must be one of {', '.join(TIMESTAMP_UNITS)}, "
                f"but is {self.timestamp_unit!r}.",
                ("interactions", "timestamp_unit"),
            )
        named = [f.name for f in dataclasses.fields(self) if f.name not in _NO_COLUMNS]
        owner: dict[str, str] = {}
        for role in named:
            column = getattr(self, role)
            if column is None:
                if role in ("query_id", "candidate_id"):
                    raise SchemaError(f"interactions.{role} must name a column, but is null.", ("interactions", role))
                continue
            require_name(("interactions", role), column)
            if column in owner and role != "tie_break":
                raise SchemaError(
                    f"interactions.{role} and interactions.{owner[column]} both name column {column!r}; "
                    "each role needs a column of its own.",
                    ("interactions", role),
                )
            owner.setdefault(column, role)
        self._check_weight()

    def _check_weight(self) -> None:
        for role in ("weight_divisor", "minimum_weight"):
            if getattr(self, role) is not None and self.weight is None:
                raise SchemaError(
                    f"interactions.{role} needs a weight, but interactions.weight is null; name its column, or leave "
                    f"{role} out.",
                    ("interactions", role),
                )
        minimum = self.minimum_weight
        is_number = isinstance(minimum, int | float) and not isinstance(minimum, bool)
        # What 32 bits make a zero or infinite is a minimum of nothing, or of everything.
        if minimum is not None and not (is_number and _FLOAT32_LEAST <= minimum <= _FLOAT32_MAX):
            raise SchemaError(
                f"interactions.minimum_weight must be a number > 0 that 32 bits can hold, but is {minimum!r}.",
                ("interactions", "minimum_weight"),
            )


@dataclasses.dataclass(frozen=True)
class Schema:
    """Columns of the interaction log and the features of both towers.

    Attributes:
      interactions: roles of the log's columns.
      query_features: read from the query table, keyed by `interactions.query_id`.
      context_features: read from the log itself: what was known at the moment of the request.
      candidate_features: read from the candidate table, keyed by `interactions.candidate_id`.
      title: column of the candidate table shown to people, or `None`.
    """

    interactions: InteractionColumns = dataclasses.field(default_factory=InteractionColumns)
    query_features: tuple[Feature, ...] = ()
    context_features: tuple[Feature, ...] = ()
    candidate_features: tuple[Feature, ...] = ()
    title: str | None = None

    def __post_init__(self) -> None:
        self._check_names(("query", "context"))
        self._check_names(("candidate",))
        self._check_context()
        schema_tables.check_tables(self.features_by_side)

    @property
    def features_by_side(self) -> dict[str, tuple[Feature, ...]]:
        """The features by the side they are read from: `query`, `context`, `candidate`."""
        return {side: getattr(self, f"{side}_features") for side in SIDES}

    @property
    def query_tower_features(self) -> tuple[Feature, ...]:
        """What the query tower reads beside id and history: the query's features, then those of the moment."""
        return self.query_features + self.context_features

    @property
    def vocabularies(self) -> dict[str, tuple[tuple[str, Feature], ...]]:
        """By embedding table that has a vocabulary, the id tables first: side and feature of all that share it."""
        return schema_tables.vocabularies(self.features_by_side)

    def _check_names(self, sides: tuple[str, ...]) -> None:
        """Refuses equal names in one tower; in lower case, since engines and file systems may not tell Age from age."""
        owners = {"title": "the prepared name of the column shown to people"} if self._has_title(sides) else {}
        for side in sides:
            for position, feature in enumerate(getattr(self, f"{side}_features")):
                for name in filter(None, (feature.name, feature.weights_name)):
                    where = f"{side}_features[{position}]"
                    if name.lower() in owners:
                        raise SchemaError(
                            f"{where} brings an input named {name!r}, which already is {owners[name.lower()]}; "
                            "names must be unique in a tower, give the feature another and set its 'column'.",
                            (f"{side}_features", position, "name"),
                        )
                    owners[name.lower()] = where if name == feature.name else f"the weights of {where}"

    def _has_title(self, sides: tuple[str, ...]) -> bool:
        return self.title is not None and "candidate" in sides

    def _check_context(self) -> None:
        """Refuses what would let a context feature read the answer, or the time in another unit."""
        columns = self.interactions
        roles = {getattr(columns, f.name): f.name for f in dataclasses.fields(columns) if f.name not in _NO_COLUMNS}
        for position, feature in enumerate(self.context_features):
            for option in ("column", "weights_column"):
                role = roles.get(getattr(feature, option) or "")
                if role is None:
                    continue
                key = ("context_features", position, option)
                if feature.kind != "timestamp" or getattr(feature, option) != columns.timestamp:
                    raise SchemaError(
                        f"{dotted(key)} must not be a column that has a role, except the timestamp by a timestamp "
                        f"feature, but {getattr(feature, option)!r} is interactions.{role}.",
                        key,
                    )
                if feature.timestamp_unit != columns.timestamp_unit:
                    raise SchemaError(
                        f"{dotted(key[:2])}.timestamp_unit must be that of the log's timestamp, "
                        f"{columns.timestamp_unit!r}, but is {feature.timestamp_unit!r}.",
                        (*key[:2], "timestamp_unit"),
                    )

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON object that `from_dict` reads back to an equal schema."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Schema":
        """Builds a schema from a parsed JSON object.

        Raises:
          SchemaError: on an unknown or missing key, a wrong kind or another version.
        """
        if not isinstance(raw, Mapping):
            raise SchemaError(f"A schema must be a JSON object, but is a {type(raw).__name__}.")
        version = raw.get("schema_version")
        if version != SCHEMA_VERSION:
            raise SchemaError(
                f"schema_version must be {SCHEMA_VERSION}, but is {version!r}; set it to {SCHEMA_VERSION} and write "
                "the features anew as docs/schema.md says.",
                ("schema_version",),
            )
        refuse_unknown_keys((), raw, ["schema_version", *(f.name for f in dataclasses.fields(cls))])
        interactions = _object(raw, "interactions")
        refuse_unknown_keys(("interactions",), interactions, [f.name for f in dataclasses.fields(InteractionColumns)])
        title = raw.get("title")
        if title is not None:
            require_name(("title",), title)
        return cls(
            interactions=InteractionColumns(**interactions),
            **{f"{side}_features": _features(raw, f"{side}_features") for side in SIDES},
            title=title,
        )


def read_schema(path: str | pathlib.Path) -> Schema:
    """Reads and checks a schema file.

    Raises:
      SchemaError: if the file is missing, is not JSON or breaks a rule; the message names the line and the key.
    """
    file = SchemaFile(path)
    try:
        return Schema.from_dict(file.content)
    except SchemaError as error:
        raise file.located(error) from error


def _features(raw: Mapping[str, Any], side: str) -> tuple[Feature, ...]:
    entries = raw.get(side)
    if entries is None:
        return ()
    if not isinstance(entries, list | tuple):
        raise SchemaError(f"{side} must be a list of features, but is a {type(entries).__name__}.", (side,))
    return tuple(_feature(entry, (side, position)) for position, entry in enumerate(entries))


def _feature(entry: Any, key: tuple[str | int, ...]) -> Feature:
    if not isinstance(entry, Mapping):
        raise SchemaError(f"{dotted(key)} must be an object, but is a {type(entry).__name__}.", key)
    refuse_unknown_keys(key, entry, [f.name for f in dataclasses.fields(Feature)])
    for name in ("name", "kind"):
        require_name((*key, name), entry.get(name))
    if entry.get("column") is not None:
        require_name((*key, "column"), entry["column"])
    try:
        return Feature(**{name: value for name, value in entry.items() if value is not None})
    except SchemaError as error:
        raise error.within(*key) from error


def _object(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SchemaError(f"{key} must be an object, but is a {type(value).__name__}.", (key,))
    return value
