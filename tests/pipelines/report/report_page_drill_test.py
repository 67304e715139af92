"""The report in Chromium, opened from disk: what it asks for, the keyboard, the pointer, a phone, light and dark."""

import pytest

from pipelines.report import html_report
from tests.pipelines.report import example_figures
from tests.serving.server.explorer import browser as browser_lib

pytestmark = pytest.mark.drill

_PHONE = (375, 667)
_SCRIPT = "</title><script>document.documentElement.dataset.ran = 1</script><img src=x onerror='document.title = 1'>"
_LONG = "A_name_without_a_place_to_break_that_is_wider_than_any_phone_and_goes_on_and_on_to_be_sure"


@pytest.fixture(scope="module")
def chromium():
    with browser_lib.running_chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A report with every section, whose data does what it can to break it."""
    report = example_figures.full_report()
    report["title"] = report["serving"]["query_id"] = _SCRIPT
    points = report["embeddings"]["points"]
    points[2]["title"], points[3]["title"], points[4]["title"] = "Star Wars", _SCRIPT, _LONG
    report["samples"][0]["held_out"]["title"] = report["samples"][0]["history"][0]["title"] = _LONG
    report["comparison"]["names"] = [_LONG, f"{_LONG}_2"]
    report["configuration"][_LONG] = _LONG
    for slices in report["evaluation"]["slices"].values():
        slices[-1]["group"] = _LONG
    path = tmp_path_factory.mktemp("report") / "report.html"
    html_report.write_html_report(report, path)
    return path.as_uri()


@pytest.fixture
def visit(chromium, address, request):
    """The page, which may complain of nothing and ask for nothing; `request.param` is its size."""
    with browser_lib.visiting(chromium, getattr(request, "param", browser_lib.DESKTOP)) as visit:
        visit.page.goto(address)
        yield visit
        assert {url for url in visit.requested if not url.startswith("data:")} <= {address}
        assert visit.complaints == []


def test_no_script_of_the_data_runs(visit):
    assert visit.page.evaluate("document.documentElement.dataset.ran") is None
    assert visit.page.locator("img, script").count() == 0
    assert visit.page.locator("h1").inner_text() == _SCRIPT


def test_every_stop_of_the_tab_key_is_seen_in_the_order_of_the_page(visit):
    expected = visit.page.evaluate(
        "[...document.querySelectorAll('a:not([tabindex]), summary, [tabindex=\"0\"]')]"
        ".filter(each => each.checkVisibility()).length"
    )
    places = []
    for _ in range(expected):
        visit.page.keyboard.press("Tab")
        visit.focused()
        places.append(visit.page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
    assert places == sorted(set(places))
    assert len(places) > 30


def test_a_title_of_the_list_leads_to_its_dot_by_the_keyboard_alone(visit):
    visit.tab_to("Embedding map")
    visit.page.keyboard.press("Enter")
    visit.tab_to("Tenth 2 by popularity: 2 candidates")
    visit.page.keyboard.press("Enter")
    visit.tab_to("Star Wars")
    visit.page.keyboard.press("Enter")
    label = visit.page.locator(".map a:target text")
    assert label.text_content() == "Star Wars"
    assert label.is_visible()
    assert visit.page.evaluate(
        "(() => { const box = document.querySelector(':target').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight })()"
    )


def test_a_pointer_on_a_dot_shows_its_title_and_nothing_before(visit):
    dot = visit.page.locator("#dot-2")
    assert not dot.locator("text").is_visible()
    dot.locator("circle").hover()
    assert dot.locator("text").is_visible()
    assert dot.locator("title").text_content() == "Star Wars (998)"


@pytest.mark.parametrize("visit", [_PHONE], indirect=True)
def test_a_tap_on_a_dot_shows_its_title(visit):
    visit.page.locator("#dot-2 circle").click()
    assert visit.page.locator("#dot-2 text").is_visible()


@pytest.mark.parametrize("visit", [_PHONE, (320, 568), browser_lib.DESKTOP], indirect=True)
def test_nothing_is_wider_than_the_window_also_when_all_is_unfolded(visit):
    visit.require_no_sideways_scrolling()
    visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    visit.require_no_sideways_scrolling()


@pytest.mark.parametrize("visit", [_PHONE], indirect=True)
def test_a_table_that_is_wider_than_a_phone_scrolls_by_the_arrow_keys(visit):
    region = visit.page.locator(".scroll").first
    assert region.evaluate("each => each.scrollWidth > each.clientWidth")
    region.focus()
    visit.page.keyboard.press("ArrowRight")
    # Scrolling is smooth, and a function of the page to wait for would be a script.
    visit.page.wait_for_timeout(500)
    assert region.evaluate("each => each.scrollLeft") > 0


_CONTRAST = """() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const luminance = color => {
    context.fillStyle = color; context.fillRect(0, 0, 1, 1);
    const part = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(value => {
      const share = value / 255; return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4 });
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2] };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('p, td, th, dt, li a, caption, summary, .interval, figure svg text')]
    .filter(each => each.checkVisibility())
    .map(each => luminance(each.closest('svg') ? getComputedStyle(each).fill : getComputedStyle(each).color))
    .map(each => (Math.max(each, ground) + 0.05) / (Math.min(each, ground) + 0.05)) }"""


@pytest.mark.parametrize(("scheme", "is_light"), [("light", True), ("dark", False)])
def test_all_text_stands_out_from_the_ground_by_light_and_by_dark(chromium, address, scheme, is_light):
    with browser_lib.visiting(chromium, browser_lib.DESKTOP, scheme) as visit:
        visit.page.goto(address)
        visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        contrasts = visit.page.evaluate(_CONTRAST)
        red = visit.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) > 128) == is_light
    assert len(contrasts) > 300
    # What WCAG 2.2 asks of small text (success criterion 1.4.3).
    assert min(contrasts) >= 4.5
