"""The same preparation on both engines, on two real logs and on one of awkward values."""

import dataclasses
import datetime
import json
import math
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import complete_journey
from pipelines import movielens, prepare_data
from tests.pipelines import every_kind_log
from tfrs_model import schema as schema_lib

_CONFIGS = pathlib.Path(prepare_data.__file__).parent / "configs"

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900), pytest.mark.usefixtures("spark")]


def _prepare_on_both(folder, **options):
    return {
        engine: prepare_data.run(
            prepare_data.PrepareConfig(prepared_dir=str(folder / engine), engine=engine, **options)
        ).manifest
        for engine in ("duckdb", "spark")
    }


def _assert_same(folder, manifests):
    duckdb, spark = (dict(manifests[engine]) for engine in ("duckdb", "spark"))
    for name in duckdb["files"]:
        one, other = (pq.read_table(folder / engine / name) for engine in ("duckdb", "spark"))
        assert one.schema.equals(other.schema, check_metadata=False), name
        assert one.to_pandas().equals(other.to_pandas()), name
    # The same bytes, so that a model made from one is a model made from the other.
    assert duckdb["files"] == spark["files"]
    statistics = [manifest.pop("numeric_statistics") for manifest in (duckdb, spark)]
    assert duckdb == spark
    for side, features in statistics[0].items():
        for feature, values in features.items():
            assert statistics[1][side][feature] == pytest.approx(values, rel=1e-9)


def test_movielens_is_the_same_on_both_engines(tmp_path):
    files = movielens.fetch_movielens_100k(None, tmp_path / "movielens")
    manifests = _prepare_on_both(
        tmp_path,
        interactions=str(files.interactions),
        candidates=str(files.candidates),
        queries=str(files.queries),
        schema=schema_lib.read_schema(_CONFIGS / "movielens_100k_schema.json"),
    )
    _assert_same(tmp_path, manifests)
    assert sum(manifests["spark"]["counts"]["interactions"].values()) == 100_000


def test_complete_journey_is_the_same_on_both_engines(tmp_path):
    data = complete_journey.fetch(tmp_path)
    manifests = _prepare_on_both(
        tmp_path,
        interactions=str(data / "transactions.parquet"),
        candidates=str(data / "products.parquet"),
        queries=str(data / "demographics.parquet"),
        schema=schema_lib.read_schema(_CONFIGS / "complete_journey_schema.json"),
        split="global_time",
        min_count=3,
    )
    _assert_same(tmp_path, manifests)
    # 1,469,307 purchases, some of a product twice in one basket.
    spark = manifests["spark"]
    assert sum(spark["counts"]["interactions"].values()) + sum(spark["drops"].values()) == 1_469_307
    assert (spark["counts"]["queries"], spark["counts"]["candidates"]) == (2_469, 92_331)


def test_the_example_of_every_kind_is_the_same_on_both_engines_day_by_day(tmp_path):
    configs = {
        engine: every_kind_log.config(tmp_path / engine, engine=engine, day_partitions=True)
        for engine in ("duckdb", "spark")
    }
    for engine, config in configs.items():
        roles = dataclasses.replace(
            config.schema.interactions, weight="wait", weight_divisor="discount", minimum_weight=0.14
        )
        configs[engine] = dataclasses.replace(
            config,
            # What has a role is no feature of the moment.
            schema=dataclasses.replace(
                config.schema,
                interactions=roles,
                context_features=tuple(
                    each for each in config.schema.context_features if each.column not in ("wait", "discount")
                ),
            ),
            split="global_time",
            validation_fraction=0.0,
            test_fraction=0.3,
            max_rejected_fraction=0.9,
            prepared_dir=str(tmp_path / f"{engine}_prepared"),
        )
    duckdb, spark = (prepare_data.run(config).manifest for config in configs.values())
    assert duckdb["files"] == spark["files"]
    assert duckdb["bucket_boundaries"] == spark["bucket_boundaries"]
    assert duckdb["drops"] == spark["drops"]
    # By hand: waits over discounts are .15, 1.6 and .267 where both are there and no less than .14.
    drops = {name: duckdb["drops"][name] for name in duckdb["drops"] if name.startswith("weight")}
    assert drops == {"weight_below_minimum": 2, "weight_divisor_not_positive": 4, "weight_missing": 2}
    days = [name for name in duckdb["files"] if name.startswith("days/")]
    assert days == [f"days/date=2024-01-0{day}/interactions.parquet" for day in (1, 2, 3)]


_AWKWARD_IDS = [
    "007",
    "7",
    " 7",
    "é",
    "名前",
    "😀",
    "o'brien",
    '"quoted"',
    "a\\b",
    "a`b",
    "null",
    "NaN",
    "x\u00a0",
    "A",
    "a",
]


def _awkward_log(rows=600):
    """Returns columns with every kind of value that engines read differently, a third of the rows refused."""
    moments = [
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999),
        datetime.datetime(1, 1, 1),
        None,
        datetime.datetime(2150, 1, 1),
        *(datetime.datetime(2024, 1, 1, 0, 0, second, 900_000 + second) for second in range(8)),
    ]
    weights = [1.5, math.nan, None, math.inf, -1.0, 1e39, 0.1, 3.4e38, 1e-46, -0.0]
    text = ["1", "+2.5", " 3e0 ", "4f", "nan", "", None, "1e400", ".5", "6\f"]
    return {
        "who": [_AWKWARD_IDS[(7 * row) % len(_AWKWARD_IDS)] if row % 41 else None for row in range(rows)],
        "what": [_AWKWARD_IDS[(row * row) % len(_AWKWARD_IDS)] if row % 43 else "" for row in range(rows)],
        "at": pa.array([moments[row % 12] for row in range(rows)], pa.timestamp("us", "America/New_York")),
        "at_ns": pa.array([moments[4 + row % 8] for row in range(rows)], pa.timestamp("ns")),
        "said_at": [
            ("2024-01-01T02:00+02:00", f"{1704067200.5 + row}", f"2024-01-0{1 + row % 9}", "soon", None)[row % 5]
            for row in range(rows)
        ],
        "weight": [weights[row % len(weights)] if row % 3 == 0 else 1.0 for row in range(rows)],
        "said_weight": [text[(row // 5) % len(text)] for row in range(rows)],
        "row": pa.array([2**63 - row if row % 2 else row for row in range(rows)], pa.int64()),
    }


def _awkward_candidates():
    count = len(_AWKWARD_IDS)
    lists = [["a", ""], [], None, ["b", "b", "ä"], [""], ["c|d", "'"]]
    return {
        "what": _AWKWARD_IDS,
        "tags": [lists[row % len(lists)] for row in range(count)],
        "numbers": pa.array([[2**63 + row, row] if row % 2 else None for row in range(count)], pa.list_(pa.uint64())),
        "words": ["x|y||z", "|", "", None, "ü|ü"] * 3,
        "price": [0.1, math.nan, None, 1e-40, -0.0] * 3,
        "said_price": ["0.1", "", None, " 7 ", "1e-3"] * 3,
        "is_new": [True, False, None] * 5,
        "nothing": pa.nulls(count),
        "o'dd \"na`me": ["\\Q", "\\E", "$1"] * 5,
    }


_AWKWARD_SCHEMA = {
    "schema_version": 2,
    "interactions": {
        "query_id": "who",
        "candidate_id": "what",
        "timestamp": "at",
        "weight": "weight",
        "tie_break": "row",
    },
    "candidate_features": [
        {"name": "tags", "kind": "multivalent"},
        {"name": "numbers", "kind": "multivalent"},
        {"name": "words", "kind": "multivalent", "separator": "|"},
        {"name": "price", "kind": "numeric"},
        {"name": "said_price", "kind": "numeric"},
        {"name": "is_new", "kind": "categorical"},
        {"name": "nothing", "kind": "categorical"},
        {"name": "odd", "column": "o'dd \"na`me", "kind": "categorical"},
    ],
}


@pytest.mark.parametrize(
    ("roles", "expected_drops"),
    [
        ({}, {"weight_missing", "weight_negative", "weight_not_finite", "timestamp_missing", "timestamp_negative"}),
        ({"timestamp": "at_ns"}, {"query_id_missing", "candidate_id_missing", "duplicate"}),
        ({"timestamp": "said_at", "weight": "said_weight"}, {"timestamp_unreadable", "weight_not_a_number"}),
        ({"timestamp": None, "weight": None, "split": "split"}, {"duplicate"}),
    ],
)
def test_awkward_values_are_the_same_on_both_engines(tmp_path, roles, expected_drops):
    log, candidates = tmp_path / "_log[1].parquet", tmp_path / "it's {all}.parquet"
    columns = _awkward_log()
    columns["split"] = [("train", "validation", "test")[len(str(who)) % 3] for who in columns["who"]]
    pq.write_table(pa.table(columns), log)
    pq.write_table(pa.table(_awkward_candidates()), candidates)
    schema = json.loads(json.dumps(_AWKWARD_SCHEMA))
    schema["interactions"] |= roles
    manifests = _prepare_on_both(
        tmp_path,
        interactions=str(log),
        candidates=str(candidates),
        schema=schema_lib.Schema.from_dict(schema),
        max_rejected_fraction=0.95,
    )
    _assert_same(tmp_path, manifests)
    assert set(manifests["spark"]["drops"]) >= expected_drops
