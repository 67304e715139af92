import pytest

from pipelines.report import sections
from tests.pipelines.report import example_report


@pytest.mark.parametrize(("title", "name"), [(1984, "1984"), (["Drama", "War"], "Drama, War")])
def test_a_title_that_is_no_text_is_written_as_text(title, name):
    report = example_report.example_report()
    report["serving"]["recommendations"][0]["title"] = title
    shown = sections.page(report)["sample"]["recommendations"][0]
    assert (shown["id"], shown["name"]) == ("50", name)
