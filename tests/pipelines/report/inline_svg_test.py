import re

import pytest

from pipelines.report import inline_svg
from tests.pipelines.report import parsed_page


def _draw(name="curve", alt="A line.", color=inline_svg.MODEL):
    def paint(axes):
        axes.plot([1, 2], [1, 2], color=color, marker="o")
        axes.text(1, 1, "a < b & $c$")

    return inline_svg.draw(name, "A <title>", alt, (400, 300), (40, 10, 40, 10), paint)


def test_colors_follow_the_scheme_of_the_page():
    svg = _draw()
    assert "stroke: var(--model)" in svg
    assert "fill: var(--ink)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)


def test_letters_stay_text():
    (text,) = [each for each in parsed_page.parse(_draw()).find("text") if "a" in each.text]
    assert text.text == "a < b & $c$"


def test_a_drawing_styles_nothing_but_itself_and_carries_no_document_parts():
    svg = _draw()
    assert svg.startswith("<svg ")
    assert "<style" not in svg
    assert "<metadata" not in svg
    assert "http" not in svg


def test_two_drawings_share_no_id():
    first, second = (set(re.findall(r'\bid="([^"]+)"', _draw(name))) for name in ("first", "second"))
    assert first
    assert not first & second


def test_title_and_alternative_text_are_escaped_and_name_the_drawing():
    (svg,) = parsed_page.parse(_draw(alt='"1" < 2 & 3')).find("svg")
    (title,), (desc,) = svg.find("title"), svg.find("desc")
    assert (title.text, desc.text) == ("A <title>", '"1" < 2 & 3')
    assert svg.attributes["role"] == "img"
    assert svg.attributes["aria-labelledby"] == title.attributes["id"]
    assert svg.attributes["aria-describedby"] == desc.attributes["id"]


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_same_drawing_gives_the_same_bytes(name):
    assert _draw(name) == _draw(name)
