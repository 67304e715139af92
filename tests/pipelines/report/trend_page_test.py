import pytest

from pipelines.report import trend_page
from tests.pipelines.report import parsed_page


def _day(date, outcome, recall=None, version=None):
    stages = {
        "check": {
            "num_rows": 1200,
            "num_interactions": 1190,
            "median_num_rows": 1100.0,
            "new_candidates": {"fraction": 0.05},
            "new_queries": None,
            "drops": {"candidate_id_missing": 6, "timestamp_invalid": 4},
            "num_outside": 21,
            "drift": [{"name": "candidate <popularity>", "stability_index": 0.31, "of_chance": 0.02, "num_groups": 9}],
        }
    }
    if recall is not None:
        difference = {"mean": 0.1, "low": 0.05, "high": 0.15, "p_value": 0.001}
        stages["evaluate"] = {
            "num_interactions": 400,
            "num_of_unknown_candidates": 17,
            "num_repeats_left_out": 3,
            "model": {"recall_at_20": recall},
            "popularity": {"recall_at_20": recall / 2},
            "intervals": {"recall_at_20": [recall - 0.01, recall + 0.01]},
            "difference": {"recall_at_20": difference},
        }
    if version is not None:
        vocabulary = {"known": 900, "new": 30, "expired": 12, "waiting": 4, "forgotten": 0}
        stages["train"] = {"losses": [3.5, 3.25], "vocabularies": {"candidate_id": vocabulary}}
        stages["prepare"] = {"num_outside_before": {"2026-10-30": 2, "2026-10-31": 5}}
        stages["gate"] = {
            "expired_fractions": {"query_id": 0.125, "candidate_id": 0.0625},
            "to_yesterday": {"mean": 0.2, "low": 0.15, "high": 0.25, "p_value": 0.001},
            "to_yesterday_before": {"mean": -0.03, "low": -0.05, "high": -0.01, "p_value": 0.01},
            "num_window_questions": 1300,
            "length_ratio": 1.0625,
        }
        stages["publish"] = {"version": version}
    return {"date": date, "outcome": outcome, "stages": stages, "seconds": 90.0}


@pytest.fixture
def days():
    return [
        _day("2026-11-01", "published", None, 1),
        {"date": "2026-11-02", "outcome": "skipped", "stages": {}, "seconds": None},
        _day("2026-11-03", "published", 0.25, 2),
    ]


def test_the_days_are_shown_the_newest_first_with_what_was_found(days):
    page = parsed_page.parse(trend_page.render(days))
    (trend,) = (table for table in page.find("table") if "Days, the newest first" in table.text)
    head, *rows = trend.rows()
    assert [row[0] for row in rows] == ["2026-11-03", "2026-11-02", "2026-11-01"]
    newest = dict(zip(head, rows[0], strict=True))
    expected = {
        "Outcome": "published",
        "Version": "2",
        "Interactions": "1,190",
        "Asked": "400",
        "Unknown candidates": "17",
        "Recall@20": "0.2500",
        "Popularity": "0.1250",
        "Difference": "0.0500 to 0.1500",
        "Training loss": "3.2500",
        "Candidates known": "900",
        "New": "30",
        "Expired": "12",
        "Minutes": "1.5",
    }
    assert {name: newest[name] for name in expected} == expected
    assert set(rows[1][2:]) == {"\N{EN DASH}"}


def _facts(page):
    (facts,) = page.find("dl")
    names, values = ([each.text for each in facts.find(tag)] for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def test_what_was_dropped_and_what_the_gates_saw_are_facts_of_the_day(days):
    found = _facts(parsed_page.parse(trend_page.render(days)))
    expected = {
        "Dropped: rows that cannot be read": "10",
        "Dropped: interactions of other dates": "21",
        "Dropped: those of days before the first": "7",
        "Recall@20 on the day by training on it": "0.1500 to 0.2500",
        "Recall@20 before the day by training": "\N{MINUS SIGN}0.0500 to \N{MINUS SIGN}0.0100",
        "Questions before the day": "1,300",
        "Query ids expired": "12.5%",
        "Candidate ids expired": "6.2%",
        "Embedding lengths to yesterday's": "1.062",
    }
    assert {name: found[name] for name in expected} == expected


def test_a_day_that_was_skipped_has_dashes_for_facts(days):
    found = _facts(parsed_page.parse(trend_page.render(days[:2])))
    assert set(found.values()) == {"skipped", "\N{EN DASH}"}


def test_the_chart_says_in_words_how_the_figure_went(days):
    days.append(_day("2026-11-04", "published", 0.3, 3))
    (description,) = (each.text for each in parsed_page.parse(trend_page.render(days)).find("desc"))
    assert "The model of the day before has 0.250 on 2026-11-03 and 0.300 on 2026-11-04." in description
    assert "Popularity has 0.125 on 2026-11-03 and 0.150 on 2026-11-04." in description


def test_a_first_day_has_no_chart_and_no_figures_of_a_model(days):
    page = trend_page.render(days[:1])
    assert "<svg" not in page
    assert "What the model of the day before found" not in page


def test_drift_is_shown_and_text_is_escaped(days):
    page = trend_page.render(days)
    assert "candidate &lt;popularity&gt;" in page
    assert "candidate <popularity>" not in page
    assert "0.3100" in page


def test_the_page_asks_no_other_host_and_runs_no_script(days):
    page = trend_page.render(days)
    for forbidden in ("http:", "https:", "<script", "url("):
        assert forbidden not in page.replace("url(#", "")
