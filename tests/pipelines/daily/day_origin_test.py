import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.daily import day_origin, partitions
from pipelines.daily.partition_digests import PartitionDigests
from tests.pipelines.daily import shop_days
from tfrs_model import growth


@pytest.mark.parametrize(
    "options", [{"csv_delimiter": ";"}, {"statistics_splits": "train,validation"}, {"min_count": 2}]
)
def test_a_day_that_was_begun_with_another_way_to_prepare_is_another(tmp_path, options):
    shop_days.write(tmp_path / "log", 0)
    (partition,) = partitions.find(tmp_path / "log")
    config, digests = shop_days.config(tmp_path), PartitionDigests(tmp_path / "digests.json")
    other = dataclasses.replace(config, prepare=dataclasses.replace(config.prepare, **options))
    found = [day_origin.origin_of(each, partition, [], None, digests) for each in (config, config, other)]
    assert found[0] == found[1]
    assert found[0]["options_sha256"] != found[2]["options_sha256"]


@pytest.fixture
def origin(tmp_path):
    """Returns a function from options of the run to the origin of the first day."""
    shop_days.write(tmp_path / "log", 0)
    (partition,) = partitions.find(tmp_path / "log")
    digests = PartitionDigests(tmp_path / "digests.json")

    def origin_of(**options):
        return day_origin.origin_of(shop_days.config(tmp_path, **options), partition, [], None, digests)

    return origin_of


@pytest.mark.parametrize(
    "options",
    [
        {"slice_days": 7},
        {"ask_again": True},
        {"epochs_per_day": 2},
        {"warm_start": {"policy": growth.VocabularyPolicy(expire_after_days=90)}},
        {"warm_start": {"new_rows": "unknown"}},
    ],
    ids=lambda options: "-".join(options),
)
def test_a_day_that_was_begun_with_another_way_to_ask_or_to_train_is_another(origin, tmp_path, options):
    if "warm_start" in options:
        start = shop_days.config(tmp_path).warm_start
        options = {"warm_start": dataclasses.replace(start, **options["warm_start"])}
    one, other = origin(), origin(**options)
    assert {name for name in one if one[name] != other[name]} == {"options_sha256"}


def test_gates_and_where_versions_go_are_none_of_what_a_day_is_begun_with(origin, tmp_path):
    config = shop_days.config(tmp_path)
    gates = dataclasses.replace(config.gates, max_day_recall_loss=0.5)
    export = dataclasses.replace(config.export, keep_versions=2)
    assert origin(gates=gates, export=export, keep_days=1) == origin()


@pytest.mark.parametrize(("role", "column"), [("candidates", "sku"), ("queries", "shopper")])
def test_a_day_that_was_begun_with_another_table_is_another_wherever_it_lies(origin, tmp_path, role, column):
    def with_table(name, *ids):
        pq.write_table(pa.table({column: list(ids)}), tmp_path / name)
        prepare = shop_days.config(tmp_path).prepare
        return origin(prepare=dataclasses.replace(prepare, **{role: str(tmp_path / name)}))

    none, one, moved, other = (
        origin(),
        *(with_table(f"{place}.parquet", *ids) for place, ids in enumerate([["a", "b"], ["a", "b"], ["a", "c"]])),
    )
    assert none["tables"] == {}
    assert list(one["tables"]) == [role]
    assert one == moved
    assert {name for name in one if one[name] != other[name]} == {"tables"}
