import dataclasses

import pyarrow.parquet as pq
import pytest

from pipelines import (
    artifacts,
    daily_run,
    directory_lock,
    export_versions,
    learned_data,
    model_directory,
    refresh_index,
    rollback,
    run_ledger,
)
from pipelines.daily import day_record
from pipelines.daily.state_paths import StatePaths
from serving import manifest
from tests.pipelines.daily import shop_days

_STAGES = ["check", "prepare", "evaluate", "train", "gate", "publish", "report"]


def _records(root):
    return day_record.read_all(StatePaths(root / "state"))


def _record(root, day):
    return _records(root)[shop_days.date_of(day)]


def _versions(root):
    return export_versions.numbers(root / "served" / "shop")


def _run(root, **options):
    return daily_run.run(shop_days.config(root, **options))


def _tree(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _known(root, day):
    description = model_directory.ModelPaths(StatePaths(root / "state").day(shop_days.date_of(day)).model).description
    return set(learned_data.LearnedData.read(description).known["candidate_id"].values)


def test_three_days_publish_three_versions_each_of_its_own_model(three_days):
    root, result = three_days
    assert [(each.date, each.outcome, each.version) for each in result.records] == [
        (shop_days.date_of(day), "published", day + 1) for day in range(3)
    ]
    assert _versions(root) == [1, 2, 3]
    for record in result.records:
        version_dir = root / "served" / "shop" / str(record.version)
        published = manifest.read_manifest(version_dir)
        manifest.require_unchanged_files(version_dir, published)
        assert published["model_stamp"] == record.model_stamp
    assert len({each.model_stamp for each in result.records}) == 3


def test_each_day_goes_on_from_the_model_of_the_day_before_and_learns_what_is_new(three_days):
    root, result = three_days
    for day in (1, 2):
        before = result.records[day].origin["before"]
        assert before == {"date": shop_days.date_of(day - 1).isoformat(), "model": list(result.records[day - 1].model)}
        assert f"new-{day}" in _known(root, day) - _known(root, day - 1)
    # The candidate of the second day can be asked for on that day.
    assert result.records[1].stages["publish"]["num_candidates"] == len(_known(root, 1))


def test_yesterdays_model_is_asked_for_what_each_query_chose_for_the_first_time(three_days):
    chosen, expected = set(), {}
    for day in range(3):
        known, columns = {candidate for _, candidate in chosen}, shop_days.rows(day)
        pairs = sorted(zip(columns["at"], columns["shopper"], columns["sku"], strict=True))
        asked = []
        for _, query, candidate in pairs:
            if (query, candidate) not in chosen:
                asked.append(candidate)
            chosen.add((query, candidate))
        expected[day] = (len(asked), len(pairs) - len(asked), sum(each not in known for each in asked))
    for day in (1, 2):
        found = three_days[1].records[day].stages["evaluate"]
        names = ("num_interactions", "num_repeats_left_out", "num_of_unknown_candidates")
        assert tuple(found[name] for name in names) == expected[day]
        # What it does not know it cannot find.
        assert found["model"]["recall_at_100"] <= 1.0 - expected[day][2] / expected[day][0]
    assert three_days[1].records[0].stages["evaluate"] == {}


def test_the_model_of_the_day_before_beats_popularity_where_a_law_is_planted(three_days):
    found = three_days[1].records[1].stages["evaluate"]
    assert found["model"]["recall_at_10"] > found["popularity"]["recall_at_10"]


def test_the_gate_asks_for_the_day_and_for_what_was_chosen_the_day_before(three_days):
    first, second = (three_days[1].records[day].stages["gate"] for day in (0, 1))
    assert (first["num_window_questions"], first["to_yesterday_before"]) == (0, None)
    # What the queries of the first day chose there for the first time.
    columns = shop_days.rows(0)
    assert second["num_window_questions"] == len(set(zip(columns["shopper"], columns["sku"], strict=True)))
    assert second["to_yesterday_before"]["low"] <= second["to_yesterday_before"]["mean"]
    assert second["expired_fractions"] == {"query_id": 0.0, "candidate_id": 0.0}


def test_the_ledger_has_each_stage_begun_and_done_with_data_model_and_version(three_days):
    root, result = three_days
    entries = run_ledger.RunLedger(StatePaths(root / "state").ledger).entries()
    for record in result.records:
        of_day = [each for each in entries if each.date == record.date.isoformat()]
        assert [(each.stage, each.outcome) for each in of_day] == [
            (stage, outcome) for stage in _STAGES for outcome in ("begun", "done")
        ]
        assert {each.data_sha256 for each in of_day} == {record.data_sha256}
        (published,) = (each for each in of_day if each.stage == "publish" and each.outcome == "done")
        assert (published.version, published.model_stamp) == (record.version, record.model_stamp)


def test_the_report_shows_every_day_so_far(three_days):
    page = StatePaths(three_days[0] / "state").day(shop_days.date_of(2)).report.read_text(encoding="utf-8")
    for record in three_days[1].records:
        assert f'<th scope="row">{record.date}</th>' in page
    assert "http:" not in page
    assert "https:" not in page


def test_a_rerun_does_nothing(copied_days):
    # Where the files of the log lie now is noted.
    _run(copied_days)
    before = _tree(copied_days)
    assert _run(copied_days).records == ()
    assert _tree(copied_days) == before


def test_what_a_killed_run_left_under_hidden_names_is_gone_after_the_next(copied_days):
    state = StatePaths(copied_days / "state")
    for folder in (state.directory, state.days, state.day(shop_days.date_of(1)).directory):
        (folder / ".2026-11-02.tmp-x1" / "half").mkdir(parents=True)
    _run(copied_days)
    assert not list(state.directory.rglob(".*.tmp-*"))


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(copied_days, tmp_path, capsys):
    shop_days.write(copied_days / "log", 4)
    before = _tree(copied_days)
    with directory_lock.hold(copied_days / "state", "state_dir"):
        _run(copied_days, dry_run=True, backfill_from=shop_days.date_of(2), skip_dates=(shop_days.date_of(2),))
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-03: skip",
        "2026-11-04: no data",
        "2026-11-05: train",
    ]
    assert _tree(copied_days) == before
    shop_days.write(tmp_path / "afresh" / "log", 0)
    _run(tmp_path / "afresh", dry_run=True)
    assert [path.name for path in (tmp_path / "afresh").iterdir()] == ["log"]


@pytest.mark.parametrize("name", ["state", "served/shop"])
def test_of_two_runs_one_refuses_with_a_sentence(copied_days, name):
    with (
        directory_lock.hold(copied_days / name, "any"),
        pytest.raises(artifacts.ArtifactError, match=r"Another run is .* wait until it has ended, or name"),
    ):
        _run(copied_days)


def test_a_rollback_takes_versions_and_days_back_and_the_next_day_goes_on_from_what_serves(copied_days):
    served = copied_days / "served" / "shop"
    done = rollback.run(rollback.RollbackConfig(str(served), str(copied_days / "state"), to_version=2))
    assert done == rollback.RollbackResult((3,), (shop_days.date_of(2),))
    assert _versions(copied_days) == [1, 2]
    assert _record(copied_days, 2).outcome == "withdrawn"
    # Again it finds nothing to take back.
    again = rollback.run(rollback.RollbackConfig(str(served), str(copied_days / "state"), to_version=2))
    assert again == rollback.RollbackResult((), ())
    shop_days.write(copied_days / "log", 3)
    (record,) = _run(copied_days).records
    assert record.origin["before"]["model"][0] == manifest.read_manifest(served / "2")["model_stamp"]
    assert list(record.origin["window"]) == [shop_days.date_of(day).isoformat() for day in (0, 1)]
    # The number of what was taken back is not given again.
    assert record.version == 4


def test_a_version_that_the_export_job_took_back_takes_its_day_back(copied_days):
    export_versions.roll_back(copied_days / "served" / "shop")
    assert _run(copied_days).records == ()
    assert _record(copied_days, 2).outcome == "withdrawn"


def test_another_export_directory_than_that_of_the_days_is_refused(copied_days):
    config = shop_days.config(copied_days)
    elsewhere = dataclasses.replace(config.export, export_dir=str(copied_days / "elsewhere"))
    with pytest.raises(ValueError, match="holds not version 1 as 2026-11-01 was published, but only others; name"):
        daily_run.run(dataclasses.replace(config, export=elsewhere))


def test_the_index_of_the_day_that_serves_is_refreshed_and_the_ledger_has_the_version(copied_days, tmp_path):
    state_dir, export_dir = copied_days / "state", copied_days / "served" / "shop"
    rollback.run(rollback.RollbackConfig(str(export_dir), str(state_dir), to_version=2))
    served_day = StatePaths(state_dir).day(shop_days.date_of(1))
    known = pq.read_table(served_day.prepared / "candidates.parquet")["candidate_id"].to_pylist()
    table = tmp_path / "items.csv"
    table.write_text("\n".join(["sku", *known[1:], "brand-new"]) + "\n")
    config = refresh_index.RefreshConfig("", "", str(export_dir), str(table), state_dir=str(state_dir))
    result = refresh_index.run(config)
    assert (result.changes.num_new, result.changes.num_removed) == (1, 1)
    entry = run_ledger.RunLedger(state_dir / "ledger.jsonl").entries()[-1]
    assert (entry.stage, entry.outcome, entry.version, entry.date) == ("refresh_index", "done", 4, None)
    assert entry.figures["of_date"] == shop_days.date_of(1).isoformat()
    assert entry.model_stamp == model_directory.read_description(served_day.model).stamp
