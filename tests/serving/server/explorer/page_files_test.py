import pathlib
import re

import pytest

import serving
from serving.server.explorer import page_files

_FOLDER = pathlib.Path(serving.__file__).parent / "server" / "explorer" / "page"
_NAMES = sorted(path.name for path in _FOLDER.iterdir())
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# What makes markup or code of text.
_MAKES_MORE_OF_TEXT = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|javascript:|srcdoc"
)


def test_a_file_is_known_by_its_name_alone():
    files = page_files.PageFiles()
    assert "index.html" in files
    for name in ("", ".", "..", "../explorer_api.py", "page/index.html", "/etc/passwd", "explorer_api.py"):
        assert name not in files


@pytest.mark.parametrize("name", _NAMES)
def test_every_file_is_served_as_what_it_is(name):
    assert page_files.PageFiles().content(name) == ((_FOLDER / name).read_bytes(), _TYPES[name.split(".")[-1]])


@pytest.mark.parametrize("name", _NAMES)
def test_no_file_names_anything_elsewhere(name):
    text = (_FOLDER / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|[\"'(]//|@import", text)


@pytest.mark.parametrize("name", [name for name in _NAMES if name.endswith(".js")])
def test_no_script_makes_markup_or_code_of_text(name):
    assert not _MAKES_MORE_OF_TEXT.search((_FOLDER / name).read_text(encoding="utf-8"))


def test_the_page_holds_no_script_and_no_style_of_its_own():
    text = (_FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) == [""]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)
    # Whatever it loads is shipped with it.
    assert set(re.findall(r'(?:src|href)="explorer/([^"]+)"', text)) <= set(_NAMES)
