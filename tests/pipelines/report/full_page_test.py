"""Every section of the page, from a report that has all of them."""

import itertools
import re

import pytest

from pipelines.report import html_report
from tests.pipelines.report import example_figures, parsed_page

_DASH, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
_MARKUP = "<script>alert(\"x\")</script> & 'Co' <b>"


@pytest.fixture(scope="module")
def page():
    return html_report.render_html_report(example_figures.full_report())


@pytest.fixture(scope="module")
def document(page):
    return parsed_page.parse(page)


def _section(document, heading):
    (found,) = [each for each in document.find("section") if each.find("h2")[0].text == heading]
    return found


def test_the_contents_lead_to_every_section_in_order(document):
    (contents,) = document.find("nav")
    led_to = [each.attributes["href"].removeprefix("#") for each in contents.find("a")]
    assert led_to == [each.attributes["id"] for each in document.find("h2")]
    assert len(led_to) == 14


def test_metrics_stand_beside_those_of_the_other_model_and_have_their_intervals(document):
    rows = parsed_page.table(document, "model_a beside model_b beside Popularity, on the test interactions").rows()
    assert rows[0] == ["Metric", "model_a", "model_b", "Popularity", "To popularity"]
    assert rows[1] == [
        *("Recall@10", "0.1431 0.300 to 0.350", "0.1200 0.200 to 0.250", "0.0731 0.100 to 0.150", "+95.8%"),
    ]
    # Without an interval, and not measured for the other model.
    assert rows[-1] == ["Coverage@10", "0.3079", _DASH, "0.0541", "+469.1%"]


def test_differences_have_signs_intervals_and_p_values(document):
    better = parsed_page.table(document, "model_a minus Popularity").rows()
    assert better[1] == ["Recall@10", "+0.0700", "0.0500 to 0.0900", "< 0.001"]
    captions = {each.find("caption")[0].text: each.rows() for each in _section(document, "Accuracy").find("table")}
    worse = captions["model_a minus model_b"]
    assert worse[1] == ["Recall@10", f"{_MINUS}0.0200", f"{_MINUS}0.0400 to 0.0100", "0.210"]


def test_models_are_told_apart_by_the_options_in_which_they_differ(document):
    rows = parsed_page.table(document, "Options in which the two differ").rows()
    assert rows == [["Option", "model_a", "model_b"], ["log_q_correction", "yi2019", "none"]]
    captions = [each.text for each in _section(document, "Two models").find("figcaption")]
    assert captions == ["Validation recall@10"]


def test_recall_is_shown_for_every_tenth_also_the_empty_one(document):
    rows = _section(document, "Recall by popularity").find("table")[0].rows()
    assert rows[0] == ["Group", "Targets", "model_a", "model_b", "Popularity"]
    assert rows[1] == ["1", "100", "30.0% 25.0% to 35.0%", "20.0% 15.0% to 25.0%", "10.0% 5.0% to 15.0%"]
    assert rows[10] == ["10", "0", _DASH, _DASH, _DASH]


def test_a_slice_of_one_group_is_a_table_and_others_are_drawn_too(document):
    section = _section(document, "Recall by slice")
    assert [each.text for each in section.find("figcaption")] == ["region"]
    captions = [each.find("caption")[0].text for each in section.find("table")]
    assert captions == ["Queries that training saw, and new ones", "region"]
    assert section.find("table")[1].rows()[1][:2] == ["north & <b>south</b>", "150"]
    assert section.find("table")[0].rows()[1] == ["new", "0", _DASH, _DASH, _DASH]


def test_popularity_bias_is_told_of_both_models(document):
    section = _section(document, "Popularity bias")
    rows = section.find("table")[0].rows()
    assert rows[0] == ["Tenth", "model_a", "model_b", "Popularity", "Held-out"]
    assert rows[1] == ["1", "64.0%", "70.0%", "100.0%", "40.0%"]
    facts = dict(zip(*([each.text for each in section.find(tag)] for tag in ("dt", "dd")), strict=True))
    assert facts["Recommended by model_b"] == "300.0"


def test_the_correction_is_shown_by_its_own_two_models(document):
    section = _section(document, "What the logQ correction does")
    assert section.find("p")[0].text.startswith(
        "On validation, recall@10 is 14.3% with log_q_correction=yi2019 and 12.0% with log_q_correction=none: a "
        f"difference of {_MINUS}0.040 to 0.010 with 95% confidence, p = 0.210."
    )
    (legend,) = [each for each in section.find("svg") if "Dots with 95% intervals" in each.find("desc")[0].text]
    assert "Popularity" not in [each.text for each in legend.find("text")]


def test_the_frequency_estimate_is_told_by_share(document):
    section = _section(document, "Calibration of the frequency estimate")
    facts = dict(zip(*([each.text for each in section.find(tag)] for tag in ("dt", "dd")), strict=True))
    assert facts["Candidates that never came"] == "4"
    assert facts["Estimate for those"] == f"8.1e{_MINUS}07"
    rows = section.find("table")[0].rows()
    assert rows[1] == [f"1.0e{_MINUS}04", "7", f"2.0e{_MINUS}04", "1.50 to 2.50"]
    assert "of 7 candidates with a share about" in section.find("desc")[0].text
    assert "the estimate is 2.00 of it" in section.find("desc")[0].text


def test_the_index_shows_what_it_trades_and_what_it_loses(document):
    section = _section(document, "Index and serving")
    settings, loss = (each.rows() for each in section.find("table"))
    assert settings[1:] == [["4", "6.2%", "0.8100"], ["8", "12.5%", "0.9500"], ["16", "25.0%", "0.9900"]]
    assert loss[1:] == [
        ["Recall@10", "0.1431", "0.1411", f"{_MINUS}0.0020"],
        ["NDCG@10", "0.0726", "0.0726", "0.0000"],
    ]
    assert "12.5% of the leaves find 95.0%, which is served" in section.find("desc")[0].text


def test_a_model_of_other_data_is_named_at_the_top_of_the_page(document):
    report = example_figures.full_report()
    report["evaluation"]["trained_on_other_data"] = ["other_model"]
    (header,) = parsed_page.parse(html_report.render_html_report(report)).find("header")
    assert "Trained on other data than this, so perhaps fitted on what is asked: model_b." in header.text
    assert "other data" not in document.text


def test_an_index_that_reads_everything_says_so():
    report = example_figures.full_report()
    report["index"]["trade_off"] = []
    text = _section(parsed_page.parse(html_report.render_html_report(report)), "Index and serving").text
    assert "This index reads the whole corpus" in text


def test_sample_queries_are_folded_and_mark_what_was_chosen(document):
    first, _ = _section(document, "Sample queries").find("details")
    assert first.find("summary")[0].text == "Query 196, 57 in its history: chose Fargo, ranked 2"
    assert first.find("table")[0].rows()[1:] == [["1", "Star Wars 50", "0.812"], ["2", "Fargo 100 held out", "0.746"]]


def test_the_metrics_beyond_ranking_are_folded(document):
    report = example_figures.full_report()
    report["evaluation"]["model"] |= {"map_at_10": 0.05, "gini_at_10": 0.875}
    rows = parsed_page.table(parsed_page.parse(html_report.render_html_report(report)), "Further metrics").rows()
    assert [row[:2] for row in rows[1:]] == [["MAP@10", "0.0500"], ["Gini of exposure@10", "0.8750"]]


def test_text_of_the_data_is_never_read_as_markup():
    report = example_figures.full_report()
    point = report["embeddings"]["points"][3]
    point["title"] = _MARKUP
    report["samples"][0]["held_out"]["title"] = report["samples"][0]["query_id"] = _MARKUP
    report["samples"][0]["features"] = {_MARKUP: _MARKUP}
    report["samples"][0]["history"][0]["title"] = _MARKUP
    report["comparison"]["names"] = report["correction"]["names"] = [_MARKUP, f"{_MARKUP}2"]
    report["comparison"]["differences"] = [{"option": _MARKUP, "values": [_MARKUP, None]}]
    for sliced in report["evaluation"]["slices"].values():
        sliced[-1]["grouping"] = sliced[-2]["grouping"] = sliced[-2]["group"] = _MARKUP
    report["data"]["options"] = {_MARKUP: _MARKUP}
    document = parsed_page.parse(html_report.render_html_report(report))
    assert not document.find("script", "b")
    assert _MARKUP in _section(document, "Embedding map").text
    assert [_MARKUP, _MARKUP, _DASH] in parsed_page.table(document, "Options in which the two differ").rows()


def test_every_reference_inside_the_page_has_one_target(page, document):
    ids = [each.attributes["id"] for each in document.find() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="#|url\(#|aria-labelledby="|aria-describedby=")([^")]+)', page)
    assert {each for group in references for each in group.split()} <= set(ids)


def test_the_page_can_be_read_without_seeing_it(document):
    levels = [int(each.tag[1]) for each in document.find("h1", "h2", "h3")]
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    for table in document.find("table"):
        assert table.find("caption")[0].text
        assert all(cell.attributes.get("scope") in ("col", "row") for cell in table.find("th"))
    for drawing in document.find("svg"):
        assert drawing.attributes["role"] == "img"
        assert drawing.find("title")[0].text
        assert drawing.find("desc")[0].text
    regions = [each for each in document.find("div") if each.attributes.get("class") == "scroll"]
    assert all(each.attributes["tabindex"] == "0" and each.attributes["aria-label"] for each in regions)
