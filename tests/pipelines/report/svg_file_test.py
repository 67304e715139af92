import re
from xml.etree import ElementTree

from pipelines.report import inline_svg, svg_file


def _file():
    return svg_file.svg_file(
        inline_svg.draw(
            "line", "A < line", "It < rises.", (400, 300), (40, 10, 40, 10), lambda axes: axes.plot([1, 2], [3, 4])
        )
    )


def test_the_file_is_a_document_of_its_own_with_its_text_for_who_cannot_see_it():
    root = ElementTree.fromstring(_file().encode())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["viewBox"] == "0 0 400 300"
    title, described = (root.find(f"{{http://www.w3.org/2000/svg}}{name}") for name in ("title", "desc"))
    assert (title.text, described.text) == ("A < line", "It < rises.")
    assert root.attrib["aria-labelledby"] == title.attrib["id"]
    assert root.attrib["aria-describedby"] == described.attrib["id"]


def test_every_color_that_is_used_is_defined_for_light_and_for_dark():
    text = _file()
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
    for name in set(re.findall(r"var\((--\w+)\)", text)):
        assert f"{name}: #" in light
        assert f"{name}: #" in dark
    assert "prefers-color-scheme: dark" in text


def test_nothing_is_asked_of_another_host():
    assert re.findall(r"https?://[^\"]+", _file()) == ["http://www.w3.org/2000/svg"]
