"""The schema: which column is what, written once, read by every arrow of the line.

A schema is a JSON file. Preparation reads the source columns it names, training
builds one input layer per feature, the export names its inputs after them, and
a client can read it to know what to send. This module imports nothing heavy.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 1
FEATURE_KINDS = ("categorical", "multivalent", "numeric")
TIMESTAMP_UNITS = ("s", "ms", "us")

# Names the query tower uses itself; a feature of the same name would hide one.
QUERY_ID = "query_id"
HISTORY = "history"
CANDIDATE_ID = "candidate_id"
RESERVED_NAMES = (QUERY_ID, HISTORY, CANDIDATE_ID)

# A feature's name becomes an input name, a column and a file name.
_FEATURE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class SchemaError(ValueError):
    """The schema breaks a rule; the message names the key, what came and the remedy."""


@dataclasses.dataclass(frozen=True)
class InteractionColumns:
    """Source columns of the interaction log.

    Attributes:
      query_id: who or what asks.
      candidate_id: what was chosen.
      timestamp: when; `None` for a log without time, which then has no histories.
      timestamp_unit: one of `s`, `ms`, `us`, counted from 1970-01-01 UTC.
      weight: reward of the interaction, a finite number >= 0; `None` means 1 each.
      split: column holding `train`, `validation` or `test`; `None` if splits are to be made.
      tie_break: column that orders interactions of one query at the same timestamp;
        `None` orders them by the SHA-256 of the candidate id.
    """

    query_id: str = "query_id"
    candidate_id: str = "candidate_id"
    timestamp: str | None = "timestamp"
    timestamp_unit: str = "s"
    weight: str | None = None
    split: str | None = None
    tie_break: str | None = None

    def __post_init__(self) -> None:
        if self.timestamp_unit not in TIMESTAMP_UNITS:
            raise SchemaError(
                f"interactions.timestamp_unit must be one of {', '.join(TIMESTAMP_UNITS)}, "
                f"but is {self.timestamp_unit!r}."
            )
        named = [f.name for f in dataclasses.fields(self) if f.name != "timestamp_unit"]
        owner: dict[str, str] = {}
        for role in named:
            column = getattr(self, role)
            if column is None:
                if role in ("query_id", "candidate_id"):
                    raise SchemaError(f"interactions.{role} must name a column, but is null.")
                continue
            _require_name(f"interactions.{role}", column)
            if column in owner and role != "tie_break":
                raise SchemaError(
                    f"interactions.{role} and interactions.{owner[column]} both name column {column!r}; "
                    "each role needs a column of its own."
                )
            owner.setdefault(column, role)


@dataclasses.dataclass(frozen=True)
class Feature:
    """One input feature of a tower.

    Attributes:
      name: input name in the model and in every request; letters, digits and `_`, a letter first.
      kind: `categorical` (one string), `multivalent` (a list of strings) or
        `numeric` (one float32, standardised with the training mean and deviation).
      column: source column; defaults to the name.
      separator: splits a string column of a multivalent feature; `None` if the
        column already holds lists.
      embedding_dim: width of the embedding of each value; ignored for numeric.
    """

    name: str
    kind: str
    column: str
    separator: str | None = None
    embedding_dim: int = 16

    def __post_init__(self) -> None:
        if not _FEATURE_NAME.fullmatch(self.name):
            raise SchemaError(
                f"Feature name {self.name!r} must be letters, digits and underscores with a letter first; "
                "give the feature such a name and set its 'column'."
            )
        if self.name.lower() in RESERVED_NAMES:
            raise SchemaError(
                f"Feature name {self.name!r} is reserved for the model's own inputs ({', '.join(RESERVED_NAMES)}); "
                "give the feature another name and set its 'column'."
            )
        if self.kind not in FEATURE_KINDS:
            raise SchemaError(
                f"Feature {self.name!r}: kind must be one of {', '.join(FEATURE_KINDS)}, but is {self.kind!r}."
            )
        if self.separator is not None and (self.kind != "multivalent" or self.separator == ""):
            raise SchemaError(
                f"Feature {self.name!r}: separator is for multivalent features and must not be empty, "
                f"but kind is {self.kind!r} and separator is {self.separator!r}."
            )
        if not isinstance(self.embedding_dim, int) or self.embedding_dim < 1:
            raise SchemaError(
                f"Feature {self.name!r}: embedding_dim must be an integer >= 1, but is {self.embedding_dim!r}."
            )


@dataclasses.dataclass(frozen=True)
class Schema:
    """Columns of the interaction log and the features of both sides.

    Attributes:
      interactions: roles of the log's columns.
      query_features: read from the query table, keyed by `interactions.query_id`.
      candidate_features: read from the candidate table, keyed by `interactions.candidate_id`.
      title: column of the candidate table shown to people, or `None`.
    """

    interactions: InteractionColumns = dataclasses.field(default_factory=InteractionColumns)
    query_features: tuple[Feature, ...] = ()
    candidate_features: tuple[Feature, ...] = ()
    title: str | None = None

    def __post_init__(self) -> None:
        for side in ("query_features", "candidate_features"):
            # Lower case, since engines and file systems may not tell Age from age.
            names = [feature.name.lower() for feature in getattr(self, side)]
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise SchemaError(
                    f"{side} names {', '.join(map(repr, repeated))} more than once; names must be unique."
                )
        if self.title is not None and any(feature.name.lower() == "title" for feature in self.candidate_features):
            raise SchemaError(
                "A candidate feature is named 'title', which is the prepared name of the column shown to people; "
                "give the feature another name and set its 'column'."
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
            raise SchemaError(f"schema_version must be {SCHEMA_VERSION}, but is {version!r}.")
        _refuse_unknown_keys("the schema", raw, ["schema_version", *(f.name for f in dataclasses.fields(cls))])
        interactions = _object(raw, "interactions")
        _refuse_unknown_keys("interactions", interactions, [f.name for f in dataclasses.fields(InteractionColumns)])
        title = raw.get("title")
        if title is not None:
            _require_name("title", title)
        return cls(
            interactions=InteractionColumns(**interactions),
            query_features=_features(raw, "query_features"),
            candidate_features=_features(raw, "candidate_features"),
            title=title,
        )


def read_schema(path: str | pathlib.Path) -> Schema:
    """Reads and checks a schema file.

    Raises:
      SchemaError: if the file is missing, is not JSON (the line is named) or breaks a rule.
    """
    try:
        raw = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SchemaError(f"Schema file {path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"Schema file {path} must be UTF-8, but byte {error.start} is not.") from error
    except json.JSONDecodeError as error:
        raise SchemaError(f"Schema file {path} is not JSON: line {error.lineno}: {error.msg}.") from error
    try:
        return Schema.from_dict(raw)
    except SchemaError as error:
        raise SchemaError(f"Schema file {path}: {error}") from error


def _features(raw: Mapping[str, Any], side: str) -> tuple[Feature, ...]:
    entries = raw.get(side) or ()
    if not isinstance(entries, list | tuple):
        raise SchemaError(f"{side} must be a list of features, but is a {type(entries).__name__}.")
    features = []
    for position, entry in enumerate(entries):
        where = f"{side}[{position}]"
        if not isinstance(entry, Mapping):
            raise SchemaError(f"{where} must be an object, but is a {type(entry).__name__}.")
        _refuse_unknown_keys(where, entry, [f.name for f in dataclasses.fields(Feature)])
        for key in ("name", "kind"):
            _require_name(f"{where}.{key}", entry.get(key))
        values = {"column": entry["name"], **{key: value for key, value in entry.items() if value is not None}}
        _require_name(f"{where}.column", values["column"])
        if not isinstance(values.get("separator", ""), str):
            raise SchemaError(f"{where}.separator must be a string, but is {values['separator']!r}.")
        features.append(Feature(**values))
    return tuple(features)


def _object(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key) or {}
    if not isinstance(value, Mapping):
        raise SchemaError(f"{key} must be an object, but is a {type(value).__name__}.")
    return value


def _require_name(key: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise SchemaError(f"{key} must be a non-empty string, but is {value!r}.")


def _refuse_unknown_keys(where: str, raw: Mapping[str, Any], known: list[str]) -> None:
    unknown = sorted(set(raw) - set(known))
    if unknown:
        raise SchemaError(
            f"{where} has unknown key{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown))}; "
            f"known keys are {', '.join(known)}."
        )
