import itertools
import math
import re

import matplotlib
import pytest

from pipelines.report import html_report
from tests.pipelines.report import example_report, parsed_page

_DASH = "\N{EN DASH}"

_HEADINGS = [
    "One query, asked of the server",
    "Accuracy",
    "Popularity bias",
    "Training",
    "Index and serving",
    "Data",
    "This run",
]
_MARKUP = "<script>alert(\"x\")</script> & 'Co' <b>"


@pytest.fixture(scope="module")
def page():
    return html_report.render_html_report(example_report.example_report())


@pytest.fixture(scope="module")
def document(page):
    return parsed_page.parse(page)


def _render(report):
    return parsed_page.parse(html_report.render_html_report(report))


def _headings(document):
    return [each.text for each in document.find("h2")]


def test_the_page_is_written_where_it_is_asked_for_and_replaces_the_one_before(tmp_path, page):
    path = tmp_path / "report.html"
    path.write_text("old")
    html_report.write_html_report(example_report.example_report(), path)
    assert path.read_text(encoding="utf-8") == page
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_write_that_fails_leaves_the_page_before_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def refuse(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        html_report.write_html_report(example_report.example_report(), path)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_the_same_report_gives_the_same_bytes_whatever_matplotlib_is_set_to(page):
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "svg.hashsalt": None, "axes.grid": False}):
        assert html_report.render_html_report(example_report.example_report()) == page


def test_the_page_runs_no_script_and_refers_to_nothing_outside_itself(page, document):
    tags = {each.tag for each in document.find()}
    assert not tags & {"script", "iframe", "img", "image", "object", "embed", "audio", "video", "form", "base"}
    targets = [
        (name, value)
        for each in document.find()
        for name, value in each.attributes.items()
        if name.split(":")[-1] in ("href", "src", "srcset", "action", "data")
    ]
    assert targets
    assert all(value == "data:," or value.startswith("#") for _, value in targets)
    assert not [name for each in document.find() for name in each.attributes if name.startswith("on")]
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_every_reference_inside_the_page_has_one_target(page, document):
    ids = [each.attributes["id"] for each in document.find() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', page)
    assert references
    assert set(references) <= set(ids)


def test_text_of_the_data_is_shown_and_never_read_as_markup():
    report = example_report.example_report()
    report["title"] = report["serving"]["query_id"] = _MARKUP
    report["serving"]["features"] = {_MARKUP: _MARKUP}
    report["serving"]["history"][0]["title"] = report["serving"]["recommendations"][0]["title"] = _MARKUP
    report["serving"]["recommendations"][0]["genres"] = [_MARKUP]
    report["configuration"] = report["versions"] = {_MARKUP: _MARKUP}
    report["data"]["drops"] = report["data"]["removed_values"] = {_MARKUP: 1}
    report["stages"][0]["name"] = report["created"] = report["evaluation"]["split"] = _MARKUP
    document = _render(report)
    assert not document.find("script", "b")
    assert document.find("h1")[0].text == _MARKUP
    assert document.find("time")[0].attributes["datetime"] == _MARKUP
    assert _MARKUP in document.find("ol")[0].text
    assert parsed_page.table(document, "Configuration").rows()[1] == [_MARKUP, _MARKUP]


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        (("serving",), {"One query, asked of the server"}),
        (("evaluation",), {"Accuracy", "Popularity bias"}),
        (("training",), {"Training"}),
        (("data",), {"Data"}),
        (("index", "serving"), {"Index and serving", "One query, asked of the server"}),
        (("stages", "configuration", "versions"), {"This run"}),
    ],
)
@pytest.mark.parametrize("is_null", [False, True])
def test_a_section_without_its_numbers_is_left_out(keys, missing, is_null):
    report = example_report.example_report()
    for key in keys:
        if is_null:
            report[key] = None
        else:
            del report[key]
    assert _headings(_render(report)) == [each for each in _HEADINGS if each not in missing]


def test_an_empty_report_is_still_a_page():
    document = _render({})
    assert document.find("h1")[0].text == "Recommender"
    assert _headings(document) == []


def test_without_validation_only_the_loss_is_drawn():
    report = example_report.example_report()
    for record in report["training"]["history"]:
        record["validation"] = None
    document = _render(report)
    (training,) = [each for each in document.find("section") if each.find("h2")[0].text == "Training"]
    assert [each.text for each in training.find("figcaption")] == ["Training loss"]
    assert parsed_page.table(document, "Every epoch").rows()[0] == ["Epoch", "Loss", "Seconds"]


def test_without_the_baseline_the_model_stands_alone():
    report = example_report.example_report()
    del report["evaluation"]["popularity"]
    document = _render(report)
    assert parsed_page.table(document, "Model, on the test interactions").rows()[0] == ["Metric", "Model"]
    assert parsed_page.table(document, "by tenth of the corpus").rows()[0] == ["Tenth", "Model", "Held-out"]


@pytest.mark.parametrize(("key", "caption"), [("drops", "left out"), ("removed_values", "removed from lists")])
def test_a_table_of_what_was_dropped_or_removed_needs_something_that_was(key, caption):
    report = example_report.example_report()
    report["data"][key] = {}
    assert caption not in " ".join(each.text for each in _render(report).find("caption"))


@pytest.mark.parametrize("nothing", [math.nan, None])
def test_a_number_that_is_none_is_a_dash(nothing):
    report = example_report.example_report()
    report["evaluation"]["model"]["mrr"] = nothing
    report["training"]["history"][1]["loss"] = nothing
    report["serving"]["recommendations"][1]["score"] = nothing
    report["stages"][0]["seconds"] = nothing
    document = _render(report)
    assert ["MRR", _DASH, "0.0327", _DASH] in parsed_page.table(document, "Model beside Popularity").rows()
    assert parsed_page.table(document, "Every epoch").rows()[2][1] == _DASH
    assert parsed_page.table(document, "Recommendations for query").rows()[2] == ["2", "Fargo 100", _DASH]
    assert parsed_page.table(document, "Seconds of each stage").rows()[1][1] == _DASH


def test_the_headline_is_the_factor_over_popularity(document):
    # By hand: 0.1431 / 0.0731 = 1.9576.
    (headline,) = [each.text for each in document.find("p") if each.attributes.get("class") == "headline"]
    assert headline == "Recall@10 is 14.3%, 1.96 times that of popularity (7.3%)."


def test_the_accuracy_table_shows_the_numbers_of_the_evaluation(document):
    rows = parsed_page.table(document, "Model beside Popularity").rows()[1:]
    assert [row[:3] for row in rows] == [
        ["Recall@10", "0.1431", "0.0731"],
        ["Recall@20", "0.2338", "0.1259"],
        ["Recall@50", "0.3998", "0.2301"],
        ["Recall@100", "0.5811", "0.3446"],
        ["NDCG@10", "0.0726", "0.0338"],
        ["NDCG@20", "0.0951", "0.0469"],
        ["NDCG@50", "0.1281", "0.0673"],
        ["NDCG@100", "0.1575", "0.0858"],
        ["MRR", "0.0668", "0.0327"],
        ["Coverage@10", "0.3079", "0.0541"],
    ]
    # By hand: 0.1431 / 0.0731 - 1 = 0.9576 and 0.3079 / 0.0541 - 1 = 4.691.
    assert [rows[0][3], rows[-1][3]] == ["+95.8%", "+469.1%"]


def test_the_epochs_are_listed_with_the_kept_one_named(document):
    rows = parsed_page.table(document, "Every epoch").rows()
    assert rows[0][:3] == ["Epoch", "Loss", "Recall@10"]
    assert [row[0] for row in rows[1:]] == ["1", "2", "3", "4 (kept)", "5"]
    # By hand: the loss of the example is 6 + e^-epoch, its recall@10 a tenth of 1 - e^-epoch.
    assert rows[1][1:3] == ["6.3679", "0.0632"]
    assert rows[5][1:3] == ["6.0067", "0.0993"]
    assert rows[5][-1] == "8.0"


def test_the_sample_query_is_shown_with_its_history_newest_first(document):
    (history,) = document.find("ol")
    assert [each.text for each in history.find("li")] == ["Mrs. Doubtfire 393", "Kolya 242"]
    rows = parsed_page.table(document, "Recommendations for query 196").rows()
    assert rows[1:] == [["1", "Star Wars 50Action, War", "0.812"], ["2", "Fargo 100", "0.746"]]
    (section,) = [each for each in document.find("section") if each.find("h2")[0].text == _HEADINGS[0]]
    assert section.find("p")[0].text == (
        "Query 196, age 49, occupation writer. Answered over REST in 3.1 ms and over gRPC in 1.3 ms; "
        "both gave the same answer."
    )


def test_a_candidate_without_a_title_is_called_by_its_id():
    report = example_report.example_report()
    report["serving"]["recommendations"][0] = {"candidate_id": "50", "title": None, "score": 0.5}
    rows = parsed_page.table(_render(report), "Recommendations for query").rows()
    assert rows[1] == ["1", "50", "0.500"]


def test_a_query_without_history_says_so():
    report = example_report.example_report()
    report["serving"]["history"] = []
    document = _render(report)
    assert not document.find("ol")
    assert "Nothing: the query is new." in document.text


def test_a_long_history_is_folded_after_ten():
    report = example_report.example_report()
    report["serving"]["history"] = [{"candidate_id": str(number), "title": None} for number in range(1, 26)]
    recent, earlier = _render(report).find("ol")
    assert [each.text for each in recent.find("li")] == [str(number) for number in range(25, 15, -1)]
    assert [each.text for each in earlier.find("li")] == [str(number) for number in range(15, 0, -1)]
    assert earlier.attributes["start"] == "11"


def test_the_facts_are_those_of_the_report(document):
    facts = dict(zip(*([each.text for each in document.find(tag)] for tag in ("dt", "dd")), strict=True))
    assert {
        "Train interactions": "98,114",
        "Validation interactions": "943",
        "Test interactions": "941",
        "Queries": "942",
        "Candidates": "1,682",
        "Time range": "1997-09-20 to 1998-04-22",
        "Model": "movielens",
        "Version": "3",
        "Index": "scann_index",
        "Embedding width": "64",
        "Index recall@100": "0.9987",
        "Recommended by the model": "233.3",
        "Recommended by popularity": "416.7",
    }.items() <= facts.items()
    assert parsed_page.table(document, "left out").rows()[1:] == [["timestamp out of range", "17"]]
    assert parsed_page.table(document, "removed from lists").rows()[1:] == [["candidate.genres empty value", "1,234"]]
    assert parsed_page.table(document, "Configuration").rows()[2:] == [
        ["query_hidden_units", "128, 64"],
        ["dropout", "0.25"],
    ]
    assert parsed_page.table(document, "Versions").rows()[2] == ["tensorflow", "2.20.0"]
    stages = parsed_page.table(document, "together 63.4 s").rows()[1:]
    assert [row[:2] for row in stages] == [["prepare reused", "2.3 s"], ["train", "61.0 s"]]
    assert document.find("time")[0].text == "2026-01-02 03:04 UTC"


def test_the_page_can_be_read_without_seeing_it(document):
    assert document.find("html")[0].attributes["lang"] == "en"
    levels = [int(each.tag[1]) for each in document.find("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    for table in document.find("table"):
        assert table.find("caption")[0].text
        assert all(cell.attributes.get("scope") in ("col", "row") for cell in table.find("th"))
    drawings = document.find("svg")
    assert len(drawings) == 4
    assert all(
        each.attributes["role"] == "img" and each.find("title")[0].text and each.find("desc")[0].text
        for each in drawings
    )


def test_the_page_of_a_long_run_stays_under_a_megabyte():
    report = example_report.example_report(num_epochs=1000)
    titles = [{"candidate_id": str(number), "title": "A title of some length"} for number in range(1000)]
    report["serving"]["history"] = titles
    assert len(html_report.render_html_report(report).encode()) < 1_000_000
