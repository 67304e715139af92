"""One input feature of a tower: its kind and the options that the kind reads."""

import dataclasses
import itertools
import math
import re
import struct
from typing import Any

from tfrs_model.schema_rules import SchemaError, is_integer

FEATURE_KINDS = ("id", "categorical", "multivalent", "numeric", "bucketised", "text", "timestamp")
TIMESTAMP_UNITS = ("s", "ms", "us")
POOLINGS = ("mean", "sum", "sqrtn", "max")
NGRAM_UNITS = ("word", "character")
TIMESTAMP_PARTS = ("hour_of_day", "day_of_week", "day_of_month", "month_of_year")
# What a moment that is not known is stored and given as, in microseconds.
MISSING_MOMENT = -1
MAX_NGRAM_SIZE = 8

# Names the towers use themselves; a feature of the same name would hide one.
QUERY_ID = "query_id"
HISTORY = "history"
HISTORY_TIMESTAMPS = "history_timestamps"
MOMENT = "moment"
CANDIDATE_ID = "candidate_id"
# In training several rows may read one history: which each reads, and how many of its positions it sees.
HISTORY_ROW = "history_row"
HISTORY_END = "history_end"
RESERVED_NAMES = (QUERY_ID, HISTORY, HISTORY_TIMESTAMPS, MOMENT, HISTORY_ROW, HISTORY_END, CANDIDATE_ID)
ID_TABLES = (QUERY_ID, CANDIDATE_ID)

# A feature's name becomes an input name, a column and a file name; a table's name a file name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# What each kind reads, and what it takes where nothing is given. Widths are ignored where nothing is embedded.
_EMBEDDED = {"table": None, "embedding_dim": 16}
_OPTIONS: dict[str, dict[str, Any]] = {
    "id": {"table": None},
    "categorical": {**_EMBEDDED, "hash_buckets": None},
    "multivalent": {
        **_EMBEDDED,
        "hash_buckets": None,
        "separator": None,
        "weights_column": None,
        "pooling": "mean",
    },
    "numeric": {"embedding_dim": 16},
    "bucketised": {**_EMBEDDED, "boundaries": None, "num_buckets": None},
    "text": {**_EMBEDDED, "hash_buckets": None, "pooling": "mean", "ngram_unit": "word", "ngram_sizes": (1, 2)},
    "timestamp": {"embedding_dim": 16, "timestamp_unit": "s", "parts": TIMESTAMP_PARTS[:2]},
}
_LISTS = ("boundaries", "ngram_sizes", "parts")


@dataclasses.dataclass(frozen=True)
class Feature:
    """One input feature of a tower; an option is `None` where its kind does not read it.

    Attributes:
      name: input name in the model and in every request; letters, digits and `_`, a letter first.
      kind: `id` (one query or candidate id), `categorical` (one string), `multivalent` (a list of strings), `numeric`
        (one float32, standardised with the training mean and deviation), `bucketised` (one float32, embedded by the
        bucket it falls into), `text` (embedded by its hashed n-grams) or `timestamp` (sine and cosine of its parts).
      column: source column; defaults to the name.
      separator: splits a string column of a multivalent feature; `None` if the column already holds lists.
      embedding_dim: width of the embedding of each value, by default 16; ignored for numeric and timestamp;
        `None` in an id table, whose width is that of the ids.
      table: name of the embedding table, shared by all features of either tower that give the same name;
        `query_id` or `candidate_id` for the ids' own; `None` for a table of the feature's own.
      hash_buckets: rows into which values are hashed, >= 2; `None` for a vocabulary made of the training rows.
      weights_column: column with as many weights as a multivalent column has values; `None` weighs all alike.
      pooling: how the embeddings of several values become one: `mean`, `sum`, `sqrtn` or `max`.
      boundaries: of a bucketised feature, strictly ascending: bucket i holds boundaries[i-1] <= x < boundaries[i].
      num_buckets: in place of boundaries: as many buckets between quantiles of the training rows, >= 2.
      ngram_unit: `word` or `character`, of a text.
      ngram_sizes: lengths of a text's n-grams, each in [1, 8].
      timestamp_unit: `s`, `ms` or `us` of a number in a timestamp column, counted from 1970-01-01 UTC.
      parts: of a timestamp, from `hour_of_day`, `day_of_week`, `day_of_month`, `month_of_year`.
    """

    name: str
    kind: str
    column: str = ""
    separator: str | None = None
    embedding_dim: int | None = None
    table: str | None = None
    hash_buckets: int | None = None
    weights_column: str | None = None
    pooling: str | None = None
    boundaries: tuple[float, ...] | None = None
    num_buckets: int | None = None
    ngram_unit: str | None = None
    ngram_sizes: tuple[int, ...] | None = None
    timestamp_unit: str | None = None
    parts: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self._check_name()
        self._take_defaults()
        self._check_table()
        self._check_strings()
        self._check_counts()
        self._check_lists()
        self._check_combinations()

    @property
    def weights_name(self) -> str | None:
        """Name of the input and prepared column of the weights, or `None` without weights."""
        return f"{self.name}_weights" if self.weights_column is not None else None

    @property
    def has_vocabulary(self) -> bool:
        """Whether the values of training rows are a vocabulary."""
        return self.kind in ("id", "categorical", "multivalent") and self.hash_buckets is None

    def table_name(self, side: str) -> str:
        """Returns the name of the embedding table; a table of its own is `<side>.<name>`."""
        return self.table or f"{side}.{self.name}"

    def _error(self, option: str, rule: str) -> SchemaError:
        return SchemaError(f"Feature {self.name!r}: {rule}", (option,))

    def _check_name(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SchemaError(
                f"Feature name {self.name!r} must be letters, digits and underscores with a letter first; "
                "give the feature such a name and set its 'column'.",
                ("name",),
            )
        if self.name.lower() in RESERVED_NAMES:
            raise SchemaError(
                f"Feature name {self.name!r} is reserved for the model's own inputs ({', '.join(RESERVED_NAMES)}); "
                "give the feature another name and set its 'column'.",
                ("name",),
            )
        if self.kind not in FEATURE_KINDS:
            raise self._error("kind", f"kind must be one of {', '.join(FEATURE_KINDS)}, but is {self.kind!r}.")

    def _take_defaults(self) -> None:
        if not self.column:
            object.__setattr__(self, "column", self.name)
        # A width that is not given is that of the ids in their tables.
        read = {**_OPTIONS[self.kind], **({"embedding_dim": None} if self.table in ID_TABLES else {})}
        for option in (each.name for each in dataclasses.fields(self)[3:]):
            value = getattr(self, option)
            if value is None:
                object.__setattr__(self, option, read.get(option))
            elif option not in _OPTIONS[self.kind]:
                readers = [kind for kind, options in _OPTIONS.items() if option in options]
                raise self._error(
                    option,
                    f"{option} is for {' and '.join(readers)} features, but kind is {self.kind!r} and {option} is "
                    f"{value!r}; remove it.",
                )
            elif option in _LISTS:
                if not isinstance(value, list | tuple) or not value:
                    raise self._error(option, f"{option} must be a list with at least one entry, but is {value!r}.")
                object.__setattr__(self, option, tuple(value))

    def _check_table(self) -> None:
        if self.kind == "id" and self.table not in ID_TABLES:
            raise self._error("table", f"table of an id must be one of {', '.join(ID_TABLES)}, but is {self.table!r}.")
        if self.table is None:
            return
        if not isinstance(self.table, str) or not _NAME.fullmatch(self.table) or self.table.lower() == HISTORY:
            raise self._error(
                "table",
                "table must be letters, digits and underscores with a letter first, and not 'history', "
                f"but is {self.table!r}.",
            )
        if self.table in ID_TABLES:
            if self.kind not in ("id", "multivalent"):
                raise self._error(
                    "table", f"table {self.table!r} is for id and multivalent features, but kind is {self.kind!r}."
                )
            for option in ("embedding_dim", "hash_buckets"):
                if getattr(self, option) is not None:
                    raise self._error(
                        option,
                        f"{option} must not be given, since table {self.table!r} has that of the ids, but is "
                        f"{getattr(self, option)!r}; remove it.",
                    )

    def _check_strings(self) -> None:
        for option in ("column", "separator", "weights_column"):
            value = getattr(self, option)
            if value is not None and (not isinstance(value, str) or not value):
                raise self._error(option, f"{option} must be a string and not be empty, but is {value!r}.")
        for option, names in (
            ("pooling", POOLINGS),
            ("ngram_unit", NGRAM_UNITS),
            ("timestamp_unit", TIMESTAMP_UNITS),
        ):
            value = getattr(self, option)
            if value is not None and value not in names:
                raise self._error(option, f"{option} must be one of {', '.join(names)}, but is {value!r}.")

    def _check_counts(self) -> None:
        for option, least in (("embedding_dim", 1), ("hash_buckets", 2), ("num_buckets", 2)):
            value = getattr(self, option)
            if value is not None and not (is_integer(value) and value >= least):
                raise self._error(option, f"{option} must be an integer >= {least}, but is {value!r}.")

    def _check_lists(self) -> None:
        if self.boundaries is not None:
            if not all(map(_is_float32, self.boundaries)):
                raise self._error("boundaries", f"boundaries must be finite numbers, but are {list(self.boundaries)}.")
            narrow = [struct.unpack("f", struct.pack("f", each))[0] for each in self.boundaries]
            if any(here >= following for here, following in itertools.pairwise(narrow)):
                raise self._error(
                    "boundaries", f"boundaries must ascend strictly, as float32 too, but are {list(self.boundaries)}."
                )
            object.__setattr__(self, "boundaries", tuple(map(float, self.boundaries)))
        sizes, parts = self.ngram_sizes or (), self.parts or ()
        if not all(is_integer(each) and 1 <= each <= MAX_NGRAM_SIZE for each in sizes):
            raise self._error(
                "ngram_sizes", f"ngram_sizes must be integers from 1 to {MAX_NGRAM_SIZE}, but are {list(sizes)}."
            )
        if not all(each in TIMESTAMP_PARTS for each in parts):
            raise self._error("parts", f"parts must be from {', '.join(TIMESTAMP_PARTS)}, but are {list(parts)}.")
        for option, entries in (("ngram_sizes", sizes), ("parts", parts)):
            if len(set(entries)) < len(entries):
                raise self._error(option, f"{option} must not repeat, but are {list(entries)}.")

    def _check_combinations(self) -> None:
        if self.kind == "text" and self.hash_buckets is None:
            raise self._error("hash_buckets", "hash_buckets is required of a text, but is not given; set it.")
        if self.kind == "bucketised" and (self.boundaries is None) == (self.num_buckets is None):
            raise self._error(
                "boundaries" if self.boundaries else "num_buckets",
                "exactly one of boundaries and num_buckets must be given, but "
                f"{'both are' if self.boundaries else 'neither is'}.",
            )
        if self.pooling == "max" and self.weights_column is not None:
            raise self._error(
                "pooling", "pooling 'max' reads no weights, but weights_column is given; remove one of the two."
            )


def _is_float32(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value if isinstance(value, float) else 0) and abs(value) < 3.4e38
