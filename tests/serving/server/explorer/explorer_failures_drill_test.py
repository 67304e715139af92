"""The explorer in Chromium when the server goes away, versions change, and titles and addresses hold script."""

import contextlib
import urllib.parse

import pytest

from tests.serving import tiny_models
from tests.serving.server.explorer import browser as browser_lib
from tests.serving.server.explorer import shelf_model

pytestmark = pytest.mark.drill

_HOSTILE = [
    "<script>window.isBroken = true</script>",
    "<img src=x onerror='window.isBroken = true'>",
    "\"><svg onload='window.isBroken = true'>",
    "javascript:window.isBroken=true",
    "<b>bold</b> &amp; {{7*7}}",
    # Wider than any phone, and without a place to break.
    "W" * 250,
]


@pytest.fixture(scope="module")
def shelf_dir(tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("shelf") / "model"
    shelf_model.export(model_dir)
    return model_dir


@contextlib.contextmanager
def _serving_shelf(base_path, **options):
    options = {"model_name": "shelf", "port": 0, "explorer": True, **options}
    with tiny_models.running_server(base_path, **options) as config:
        yield f"http://127.0.0.1:{config.rest_api_port}/"


def test_a_stopped_server_is_told_and_the_versions_after_its_return_are_asked(chromium, tmp_path, shelf_dir):
    base_path, port = tmp_path / "shelf", tiny_models.free_port()
    shelf_model.publish(shelf_dir, base_path, 3, {each: f"old {each}" for each in shelf_model.IDS})
    with browser_lib.visiting(chromium) as visit:
        outage = visit.page.locator("#outage:not([hidden])")
        with _serving_shelf(base_path, rest_api_port=port) as address:
            visit.open(address)
            visit.search("u2")
            assert [title for title, _ in visit.ranked()] == [f"old {each}" for each in shelf_model.IDS]
        outage.wait_for()
        assert outage.inner_text().startswith("The server does not answer. It may have been stopped. ")
        visit.page.press("[name=query_id]", "Enter")
        assert visit.error() == "The server does not answer. It may have been stopped."
        assert visit.complaints != []
        with _serving_shelf(base_path, rest_api_port=port):
            outage.wait_for(state="detached")
            visit.complaints.clear()
            visit.search("u2")
            shelf_model.publish(shelf_dir, base_path, 4, {each: f"new {each}" for each in shelf_model.IDS})
            visit.page.locator("#serving", has_text="shelf · version 4").wait_for()
            told = "Version 4 answers now; what is shown here is from version 3."
            visit.page.locator("#status", has_text=told).wait_for()
            assert [title for title, _ in visit.ranked()] == [f"old {each}" for each in shelf_model.IDS]
            visit.search("u2")
            assert [title for title, _ in visit.ranked()] == [f"new {each}" for each in shelf_model.IDS]
            assert visit.complaints == []


@pytest.mark.parametrize("visit", [browser_lib.PHONE], indirect=True)
def test_titles_and_addresses_that_hold_script_are_only_text(visit, tmp_path, shelf_dir):
    shelf_model.publish(shelf_dir, tmp_path / "shelf", 1, dict(zip(shelf_model.IDS, _HOSTILE, strict=True)))
    with _serving_shelf(tmp_path / "shelf") as address:
        visit.open(address)
        visit.search(_HOSTILE[0])
        assert [title for title, _ in visit.ranked()] == _HOSTILE
        visit.require_no_sideways_scrolling()
        visit.page.locator(".ranking a").first.click()
        visit.heading(f"Neighbours of {_HOSTILE[0]}")
        visit.page.locator(".ranking button").last.click()
        visit.page.locator("#excluded h3").wait_for()
        visit.wait()
        visit.require_no_sideways_scrolling()
        visit.open(address, f"#/{urllib.parse.quote(_HOSTILE[1])}/newest")
        assert visit.error() == f"No model named “{_HOSTILE[1]}” is served here."
        candidate_id = urllib.parse.quote(_HOSTILE[2])
        visit.open(address, f"#/shelf/newest/similar?candidate_id={candidate_id}")
        visit.heading(f"Neighbours of {_HOSTILE[2]}")
        assert visit.page.evaluate("window.isBroken") is None
        assert visit.page.locator("img, svg, b, iframe, body script").count() == 0
