import dataclasses
import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import job
from pipelines.daily import day_checks, partitions
from tests.pipelines.daily import day_log
from tfrs_model.schema import InteractionColumns, Schema

CONFIG = day_checks.DayCheckConfig()


@pytest.fixture
def earlier(tmp_path):
    return [day_log.write(tmp_path, day, day_log.rows(day)) for day in range(3)]


def _check(tmp_path, earlier, columns, config=CONFIG, day=3):
    return day_checks.check(day_log.write(tmp_path, day, columns), earlier, day_log.SCHEMA, config)


def _refusal(tmp_path, earlier, columns, config=CONFIG, day=3):
    with pytest.raises(day_checks.DayCheckError) as caught:
        _check(tmp_path, earlier, columns, config, day)
    return str(caught.value)


def test_an_ordinary_day_passes_with_the_figures_of_its_rows(tmp_path, earlier):
    columns = day_log.rows(3)
    found = _check(tmp_path, earlier, columns)
    before = [day_log.rows(day) for day in range(3)]
    known = {each for rows in before for each in rows["item"]}
    assert found.num_rows == found.num_interactions == 400
    assert found.median_num_rows == 400
    assert found.num_queries == len(set(columns["user"]))
    assert found.num_candidates == len(set(columns["item"]))
    assert found.new_candidates.num_interactions == sum(each not in known for each in columns["item"])
    assert found.new_candidates.num_ids == len(set(columns["item"]) - known)
    assert found.new_queries.fraction == 0.0
    assert found.repeats.fraction == 0.0
    assert found.first_microseconds == min(columns["at"]) * 10**6
    assert found.num_outside == 0


def test_the_figures_are_written_as_json(tmp_path, earlier):
    found = _check(tmp_path, earlier, day_log.rows(3)).as_json()
    assert json.loads(json.dumps(found, allow_nan=False))["drift"][1]["name"] == "channel"


def test_the_first_day_is_checked_by_itself(tmp_path):
    found = _check(tmp_path, [], day_log.rows(0), day=0)
    assert found.num_interactions == 400
    assert found.median_num_rows is None
    assert found.new_queries is None
    assert found.repeats is None
    assert found.drift == ()


def test_a_day_without_rows_has_figures_that_say_so(tmp_path, earlier):
    empty = pa.table({"user": pa.array([], pa.null())})
    assert _check(tmp_path, earlier, empty).num_rows == 0
    folder = partitions.Partition(datetime.date(2026, 11, 4), ())
    assert day_checks.check(folder, earlier, day_log.SCHEMA, CONFIG) == day_checks.DayFigures("2026-11-04", 0)


def test_days_without_rows_before_count_for_nothing(tmp_path, earlier):
    empty = partitions.Partition(datetime.date(2026, 11, 4), ())
    found = _check(tmp_path, [*earlier, empty], day_log.rows(4), day=4)
    assert found.median_num_rows == 400


def test_ten_times_the_usual_data_is_refused_unless_it_is_allowed(tmp_path, earlier):
    columns = day_log.rows(3, 4000)
    said = _refusal(tmp_path, earlier, columns)
    assert "has 4,000 rows, 10 times the median 400 of the days before, above --max_volume_ratio=3." in said
    assert said.endswith("--skip_date=2026-11-04 goes on without the day.")
    assert _check(tmp_path, earlier, columns, dataclasses.replace(CONFIG, max_volume_ratio=10.0)).num_rows == 4000


def test_a_day_that_was_cut_short_is_refused(tmp_path, earlier):
    assert "below --min_volume_ratio=0.3" in _refusal(tmp_path, earlier, day_log.rows(3, 100))


@pytest.mark.parametrize("shift_days", [0, 3])
def test_the_rows_of_an_earlier_day_are_known_also_where_their_times_were_moved(tmp_path, earlier, shift_days):
    columns = day_log.rows(0)
    columns["at"] = [each + shift_days * 86_400 for each in columns["at"]]
    said = _refusal(tmp_path, earlier, columns)
    assert "different interactions of 2026-11-04, a share of 1.000, are those of 2026-11-01" in said
    assert "raise --max_repeated_fraction" in said


def test_half_of_an_earlier_day_is_allowed_and_more_is_not(tmp_path, earlier):
    yesterday, today = day_log.rows(2), day_log.rows(3)
    half = {name: yesterday[name][:200] + today[name][200:] for name in today}
    half["at"] = [each + 86_400 for each in yesterday["at"][:200]] + today["at"][200:]
    found = _check(tmp_path, earlier, half)
    assert found.repeats.fraction == pytest.approx(0.5)
    assert found.repeats.date == "2026-11-03"
    assert "are those of 2026-11-03" in _refusal(
        tmp_path, earlier, half, dataclasses.replace(CONFIG, max_repeated_fraction=0.4)
    )


@pytest.mark.parametrize(
    ("column", "prefix", "flag"),
    [("item", "sku-", "max_new_candidate_fraction"), ("user", "U", "max_new_query_fraction")],
)
def test_a_day_of_only_new_ids_is_refused_unless_it_is_allowed(tmp_path, earlier, column, prefix, flag):
    columns = day_log.rows(3)
    columns[column] = [f"{prefix}{each}" for each in columns[column]]
    said = _refusal(tmp_path, earlier, columns)
    assert "400 interactions of 2026-11-04, a share of 1.000, are of" in said
    assert f"above --{flag}=0.9: the ids may be written in another way than before" in said
    assert _check(tmp_path, earlier, columns, dataclasses.replace(CONFIG, **{flag: 1.0})).num_rows == 400


def test_queries_that_are_new_every_day_are_usual(tmp_path):
    def sessions(day):
        columns = day_log.rows(day)
        return {**columns, "user": [f"session-{day}-{place}" for place in range(400)]}

    earlier = [day_log.write(tmp_path, day, sessions(day)) for day in range(3)]
    found = _check(tmp_path, earlier, sessions(3))
    assert found.new_queries.fraction == 1.0
    assert (found.new_queries.num_ids_before, found.new_queries.num_ids_of_day_before) == (400, 400)


def test_after_one_day_alone_a_single_known_id_shows_that_ids_are_written_as_they_were(tmp_path, earlier):
    columns = {**day_log.rows(3), "user": [f"U{place}" for place in range(400)]}
    assert "400 user" not in _refusal(tmp_path, earlier[:1], columns)
    columns["user"][0] = day_log.rows(0)["user"][0]
    assert _check(tmp_path, earlier[:1], columns).new_queries.num_ids == 399
    # After two days it is known how many are new on a day.
    assert "399 query ids that no day before has" in _refusal(tmp_path, earlier[:2], columns)


def test_a_column_that_is_gone_is_refused_by_name(tmp_path, earlier):
    columns = day_log.rows(3)
    columns["device"] = columns.pop("channel")
    said = _refusal(tmp_path, earlier, columns)
    assert "2026-11-04 lacks channel, compared with 2026-11-03" in said
    assert "--backfill_from" in said


def test_columns_that_nobody_reads_may_come_and_go_with_a_warning(tmp_path, earlier, caplog):
    earlier[-1] = day_log.write(tmp_path, 2, {**day_log.rows(2), "referrer": ["r"] * 400})
    columns = {**day_log.rows(3), "ab_test": ["a"] * 400}
    assert _check(tmp_path, earlier, columns).num_interactions == 400
    assert "2026-11-04 lacks referrer and has besides ab_test, compared with 2026-11-03" in caplog.text


def test_a_column_that_nobody_reads_may_change_its_type_with_a_warning(tmp_path, earlier, caplog):
    earlier[-1] = day_log.write(tmp_path, 2, {**day_log.rows(2), "price": [7] * 400})
    assert _check(tmp_path, earlier, {**day_log.rows(3), "price": ["7"] * 400}).num_interactions == 400
    assert "2026-11-04: column 'price' holds string in" in caplog.text
    assert "the schema does not read it" in caplog.text


def test_files_of_one_day_may_differ_in_the_type_of_what_nobody_reads(tmp_path, earlier):
    columns = day_log.rows(3)
    one = day_log.write(tmp_path, 3, {**{name: each[:200] for name, each in columns.items()}, "price": [7] * 200})
    rest = {**{name: each[200:] for name, each in columns.items()}, "price": [["7"]] * 200}
    pq.write_table(pa.table(rest), tmp_path / "rest.parquet")
    partition = dataclasses.replace(one, paths=(*one.paths, tmp_path / "rest.parquet"))
    assert day_checks.check(partition, earlier, day_log.SCHEMA, CONFIG).num_interactions == 400


def test_a_day_is_compared_with_the_last_days_that_have_rows_however_long_ago(tmp_path, earlier):
    empty = [partitions.Partition(datetime.date(2026, 11, 4 + day), ()) for day in range(20)]
    bound = dataclasses.replace(CONFIG, compared_days=2)
    said = _refusal(tmp_path, [*earlier, *empty], day_log.rows(23, 5000), bound, day=23)
    assert "5,000 rows, 12.5 times the median 400" in said
    # Of two days compared the first is none.
    columns = day_log.rows(0)
    columns["at"] = [each + 23 * 86_400 for each in columns["at"]]
    assert _check(tmp_path, [*earlier, *empty], columns, bound, day=23).repeats.fraction < 0.1


def test_an_earlier_day_that_is_damaged_is_named_and_skipping_today_is_no_remedy(tmp_path, earlier):
    (path,) = earlier[1].paths
    path.write_bytes(path.read_bytes()[:-100])
    said = _refusal(tmp_path, earlier, day_log.rows(3))
    assert "is no complete Parquet file" in said
    assert "The file is of 2026-11-02" in said
    assert said.endswith("--backfill_from=2026-11-02.")
    assert "--skip_date" not in said


def test_a_column_of_another_kind_is_refused(tmp_path, earlier):
    columns = day_log.rows(3)
    columns["at"] = [str(each) for each in columns["at"]]
    assert "column 'at' holds string in" in _refusal(tmp_path, earlier, columns)


def test_wider_integers_are_the_same_column(tmp_path, earlier):
    columns = day_log.rows(3)
    assert _check(tmp_path, earlier, {**columns, "at": pa.array(columns["at"], pa.uint32())}).num_rows == 400


def test_a_column_that_the_schema_names_and_no_day_has_is_refused(tmp_path):
    columns = day_log.rows(0)
    del columns["item"]
    assert "has no column 'item' (interactions.candidate_id)" in _refusal(tmp_path, [], columns, day=0)


def test_rows_that_cannot_be_read_are_counted_and_refused_beyond_their_share(tmp_path, earlier):
    columns = day_log.rows(3)
    columns["item"][:4] = [""] * 4
    found = _check(tmp_path, earlier, columns)
    assert (found.drops, found.num_interactions) == ({"candidate_id_missing": 4}, 396)
    columns["item"][:5] = [""] * 5
    said = _refusal(tmp_path, earlier, columns)
    assert "5 of 400 interactions are refused (5 candidate_id_missing)" in said
    assert "--skip_date=2026-11-04" in said


def test_a_day_of_which_no_row_can_be_read_is_no_day_without_data(tmp_path, earlier):
    columns = {**day_log.rows(3), "item": [""] * 400}
    config = dataclasses.replace(CONFIG, max_rejected_fraction=1.0)
    assert "All 400 interactions are refused" in _refusal(tmp_path, earlier, columns, config)


def test_a_file_that_was_cut_off_is_refused(tmp_path, earlier):
    partition = day_log.write(tmp_path, 3, day_log.rows(3))
    (path,) = partition.paths
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(day_checks.DayCheckError, match="is no complete Parquet file"):
        day_checks.check(partition, earlier, day_log.SCHEMA, CONFIG)


def test_files_of_one_day_need_the_same_columns(tmp_path):
    one = day_log.write(tmp_path, 0, day_log.rows(0))
    pq.write_table(pa.table({"user": ["u1"]}), tmp_path / "other.parquet")
    partition = dataclasses.replace(one, paths=(*one.paths, tmp_path / "other.parquet"))
    with pytest.raises(day_checks.DayCheckError, match="differ in the columns at, channel, item"):
        day_checks.check(partition, [], day_log.SCHEMA, CONFIG)


def test_a_log_without_times_has_no_days(tmp_path):
    schema = Schema(InteractionColumns("user", "item", None))
    with pytest.raises(day_checks.DayCheckError, match="name their column with --timestamp_column"):
        day_checks.check(day_log.write(tmp_path, 0, day_log.rows(0)), [], schema, CONFIG)


def test_nothing_is_left_in_the_work_directory(tmp_path, earlier):
    work = tmp_path / "work"
    work.mkdir()
    day_checks.check(day_log.write(tmp_path, 3, day_log.rows(3)), earlier, day_log.SCHEMA, CONFIG, work)
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_new_query_fraction": 1.5}, r"--max_new_query_fraction must be in \[0, 1\], but is 1.5"),
        ({"max_repeated_fraction": -0.1}, "--max_repeated_fraction must be"),
        ({"min_volume_ratio": 1.2}, "--min_volume_ratio must be in"),
        ({"max_volume_ratio": 0.5}, "--max_volume_ratio at least 1"),
        ({"compared_days": 0}, "--compared_days must be >= 1, but is 0"),
    ],
)
def test_bounds_out_of_range_are_refused(options, said):
    with pytest.raises(job.ConfigError, match=said):
        day_checks.DayCheckConfig(**options)
