import pytest

from pipelines.report import html_report
from tests.pipelines.report import example_report, parsed_page


@pytest.mark.parametrize(("ask_per", "other"), [("interaction", "query"), ("query", "interaction")])
def test_the_page_says_what_was_one_question(ask_per, other):
    report = example_report.example_report()
    report["evaluation"] |= {"ask_per": ask_per, "num_queries": 640}
    notes = " ".join(each.text for each in parsed_page.parse(html_report.render_html_report(report)).find("p"))
    assert f"Asked per {ask_per}: recall@k is the share of" in notes
    assert f"Asked per {other}" not in notes
    assert ("For each of 640 queries, all 1,682 candidates were ranked once" in notes) == (ask_per == "query")
