import dataclasses

import pytest

from pipelines.daily import day_origin, partitions
from pipelines.daily.partition_digests import PartitionDigests
from tests.pipelines.daily import shop_days


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
