"""The explorer in Chromium: what a person does with it, what goes wrong meanwhile, and what it asks for."""

import contextlib
import re
import urllib.parse

import httpx
import pytest

from tests.serving import small_recommender, tiny_models
from tests.serving.server.explorer import browser as browser_lib
from tests.serving.server.explorer import explored_models, shelf_model

pytestmark = pytest.mark.drill

_TITLE_OF = dict(zip(small_recommender.IDS, explored_models.TITLES, strict=True))
_GENRE_OF = dict(zip(small_recommender.IDS, small_recommender.GENRES, strict=True))
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
def chromium():
    with browser_lib.running_chromium() as running:
        yield running


def _ask(address, signature, **inputs):
    """Returns the best candidates and their scores as any client gets them."""
    body = {"signature_name": signature, "instances": [inputs]}
    answer = httpx.post(f"{address}v1/models/films:predict", json=body, trust_env=False, timeout=30)
    if answer.status_code != 200:
        return answer.json()["error"]
    (row,) = answer.json()["predictions"]
    return [(each, score) for each, score, valid in zip(*(row[name] for name in _OUTPUTS), strict=True) if valid]


_OUTPUTS = ("candidate_ids", "scores", "valid")


@pytest.fixture(scope="module")
def films(tmp_path_factory, half_plus_two_dir):
    """The address of a page over two models: films is a recommender, half is none."""
    folder = tmp_path_factory.mktemp("served")
    export = small_recommender.export("brute_force", folder / "export")
    (folder / "films").mkdir()
    explored_models.publish(export.path, folder / "films", 3)
    tiny_models.publish(half_plus_two_dir, folder / "half", 1)
    models = explored_models.write_model_config(folder / "models.config", films=folder / "films", half=folder / "half")
    histories = explored_models.write_histories(folder / "interactions.parquet")
    options = {"port": 0, "explorer": True, "explorer_histories": histories, "model_config_file": models}
    with tiny_models.running_server(folder, **options) as config:
        address = f"http://127.0.0.1:{config.rest_api_port}/"
        # The first run of a graph takes seconds.
        _ask(address, "serving_default", query_id="u1")
        _ask(address, "similar_candidates", candidate_id="c0")
        yield address


@pytest.fixture
def visit(chromium, request):
    """A page that may complain of nothing and asks nobody but its own server; `request.param` is its size."""
    with browser_lib.visiting(chromium, getattr(request, "param", browser_lib.DESKTOP)) as visit:
        yield visit
        origins = {re.match(r"\w+://[^/]+/|data:|\w+:", url)[0] for url in visit.requested}
        assert origins - {"data:"} == {visit.page.url.split("#")[0]}
        assert visit.complaints == []


def _open(visit, address, route=""):
    visit.page.goto(address + route)
    visit.page.locator("#models a").first.wait_for()
    _wait(visit)


def _wait(visit):
    visit.page.locator("main[aria-busy=false]").wait_for()


def _search(visit, query_id, **fields):
    for name, value in {"query_id": query_id, **fields}.items():
        visit.page.fill(f"[name={name}]", value)
    visit.page.press("[name=query_id]", "Enter")
    visit.page.locator("#results-title", has_text=f"For query {query_id}").wait_for()
    _wait(visit)


def _ranked(visit):
    """Returns what is shown, in order: titles and scores."""
    rows = visit.page.locator(".ranking li")
    return list(
        zip(rows.locator(".candidate a").all_inner_texts(), rows.locator(".score").all_inner_texts(), strict=True)
    )


def _shown(candidates):
    return [(_TITLE_OF[each], f"{score:.4f}") for each, score in candidates]


def _heading(visit, text):
    visit.page.locator("#results-title", has_text=text).wait_for()
    _wait(visit)


def _error(visit):
    visit.page.locator("#error:not([hidden])").wait_for()
    return visit.page.locator("#error").inner_text()


def test_a_query_is_answered_with_titles_scores_ranks_and_milliseconds(visit, films):
    history = explored_models.HISTORIES["u1"]
    expected = _ask(films, "serving_default", query_id="u1", history=history, exclude_candidate_ids=history, k=7)
    _open(visit, films)
    assert visit.page.locator("#models").inner_text().split() == [
        *("films", "version", "3", "available", "half", "version", "1", "available")
    ]
    _search(visit, "u1", k="7")
    assert _ranked(visit) == _shown(expected)
    assert len(expected) == 7
    assert re.fullmatch(r"7 candidates in \d+\.\d ms from version 3\.", visit.page.inner_text("#status"))
    chosen = visit.page.locator(".history li").all_inner_texts()
    assert [each.removesuffix(" ·") for each in chosen] == [_TITLE_OF[each] for each in reversed(history)]
    first = visit.page.locator(".ranking .details").first.inner_text().split()
    assert first[0] == expected[0][0]


def test_features_are_asked_with_and_what_is_typed_stays_in_the_address(visit, films):
    history = ["c9", "c1"]
    given = {"age": 41.5, "tags": ["x", "y"], "tags_weights": [2.0, 0.5], "motto": "live, and let live"}
    expected = _ask(films, "serving_default", history=history, exclude_candidate_ids=history, **given)
    _open(visit, films)
    # Without a query id there is nobody whose history the file could hold.
    visit.page.uncheck("[name=history-from]")
    for name, text in (("history", "c9\nc1"), ("age", "41.5"), ("tags", "x, y"), ("tags_weights", "2,0.5")):
        visit.page.fill(f"[name={name}]", text)
    visit.page.fill("[name=motto]", given["motto"])
    visit.page.press("[name=tags]", "Enter")
    _heading(visit, "For these features")
    assert _ranked(visit) == _shown(expected)
    visit.page.reload()
    _heading(visit, "For these features")
    assert _ranked(visit) == _shown(expected)
    assert visit.page.input_value("[name=history]") == "c9\nc1"
    assert not visit.page.is_checked("[name=history-from]")


def test_a_candidate_leads_to_its_neighbours_and_both_ways_lead_back(visit, films):
    _open(visit, films)
    _search(visit, "u2")
    before = _ranked(visit)
    second = visit.page.locator(".ranking a").nth(1)
    candidate_id, title = second.get_attribute("data-candidate"), second.inner_text()
    second.click()
    _heading(visit, f"Neighbours of {title}")
    expected = _ask(films, "similar_candidates", candidate_id=candidate_id)
    assert _ranked(visit) == _shown(expected)
    visit.page.locator(".ranking a").first.click()
    _heading(visit, f"Neighbours of {_TITLE_OF[expected[0][0]]}")
    visit.page.click("#back")
    _heading(visit, f"Neighbours of {title}")
    visit.page.go_back()
    _heading(visit, "For query u2")
    assert _ranked(visit) == before
    focused = "document.activeElement.dataset.candidate"
    tiny_models.wait_until(lambda: visit.page.evaluate(focused) == candidate_id)


def test_what_is_excluded_is_left_out_until_it_is_allowed_again(visit, films):
    _open(visit, films)
    _search(visit, "u2", k="4")
    before = _ranked(visit)
    for each in before[:2]:
        visit.page.get_by_role("button", name=f"Exclude {each[0]}").click()
        visit.page.get_by_role("button", name=f"Allow {each[0]} again").wait_for()
        _wait(visit)
    after = _ranked(visit)
    assert after[:2] == before[2:4]
    assert len(after) == 4
    visit.page.get_by_role("button", name=f"Allow {before[0][0]} again").click()
    visit.page.locator("#excluded h3", has_text="Excluded (1)").wait_for()
    _wait(visit)
    assert _ranked(visit)[0] == before[0]
    visit.page.get_by_role("button", name="Empty the list").click()
    visit.page.locator("#excluded h3").wait_for(state="detached")
    _wait(visit)
    assert _ranked(visit) == before


def test_a_filter_lets_through_what_has_one_of_its_values(visit, films):
    _open(visit, films)
    _search(visit, "u1", filter_genre="war", k="30")
    ids = visit.page.locator(".ranking a").evaluate_all("links => links.map(each => each.dataset.candidate)")
    left_out = explored_models.HISTORIES["u1"]
    assert sorted(ids) == sorted(each for each in _GENRE_OF if _GENRE_OF[each] == "war" and each not in left_out)
    visit.page.uncheck("[name=known]")
    _search(visit, "u1", filter_genre="war, drama", k="30")
    ids = visit.page.locator(".ranking a").evaluate_all("links => links.map(each => each.dataset.candidate)")
    assert sorted(ids) == sorted(each for each in _GENRE_OF if _GENRE_OF[each])


def test_what_is_not_there_is_told_in_words(visit, films):
    _open(visit, films, "#/none/newest")
    assert _error(visit) == "No model named “none” is served here."
    _open(visit, films, "#/films/9/recommend?query_id=u1")
    assert _error(visit) == "Version 9 of “films” does not answer: the server never saw it."
    _open(visit, films, "#/films/newest/similar?candidate_id=nobody")
    _heading(visit, "Neighbours of nobody")
    assert visit.page.inner_text("#status").startswith("Candidate nobody is not in the corpus of version 3")
    _open(visit, films, "#/films/newest")
    _search(visit, "a stranger")
    note = "The histories hold nothing of this query; it is answered as a new one."
    assert visit.page.inner_text("#status").endswith(note)
    assert len(_ranked(visit)) == small_recommender.K
    visit.page.fill("[name=age]", "old")
    visit.page.press("[name=age]", "Enter")
    assert _error(visit) == "age takes numbers, but has “old”."
    # The browser notes answers that are errors: of the query that has no history.
    visit.complaints[:] = [each for each in visit.complaints if "status of 404" not in each]


def test_a_refusal_is_shown_with_the_servers_own_sentence(visit, films):
    # Behind its sentence TensorFlow names places in the graph, each on a line of its own.
    sentence = _ask(films, "serving_default", query_id="u2", k=41).split("\n")[0]
    _open(visit, films)
    visit.page.fill("[name=query_id]", "u2")
    visit.page.fill("[name=k]", "41")
    visit.page.press("[name=k]", "Enter")
    assert _error(visit) == f"The server refused this: {sentence}"
    assert "41" in sentence
    assert visit.page.locator("#error").get_attribute("role") == "alert"
    _search(visit, "u2", k="3")
    assert visit.page.locator("#error").is_hidden()
    assert [each for each in visit.complaints if "status of 400" not in each] == []
    visit.complaints.clear()


def test_other_models_have_nothing_to_explore_but_are_told_of(visit, films):
    _open(visit, films)
    visit.page.get_by_role("link", name="half").click()
    _heading(visit, "Nothing to explore")
    assert visit.page.inner_text("#status") == "No signature of this model answers candidate ids."
    assert visit.page.locator(".signatures li").all_inner_texts() == ["serving_default x → y"]
    assert visit.page.locator("#asking").is_hidden()


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
            _open(visit, address)
            _search(visit, "u2")
            assert [title for title, _ in _ranked(visit)] == [f"old {each}" for each in shelf_model.IDS]
        outage.wait_for()
        assert outage.inner_text().startswith("The server does not answer. It may have been stopped. ")
        visit.page.press("[name=query_id]", "Enter")
        assert _error(visit) == "The server does not answer. It may have been stopped."
        assert visit.complaints != []
        with _serving_shelf(base_path, rest_api_port=port):
            outage.wait_for(state="detached")
            visit.complaints.clear()
            _search(visit, "u2")
            shelf_model.publish(shelf_dir, base_path, 4, {each: f"new {each}" for each in shelf_model.IDS})
            visit.page.locator("#serving", has_text="shelf · version 4").wait_for()
            told = "Version 4 answers now; what is shown here is from version 3."
            visit.page.locator("#status", has_text=told).wait_for()
            assert [title for title, _ in _ranked(visit)] == [f"old {each}" for each in shelf_model.IDS]
            _search(visit, "u2")
            assert [title for title, _ in _ranked(visit)] == [f"new {each}" for each in shelf_model.IDS]
            assert visit.complaints == []


@pytest.mark.parametrize("visit", [browser_lib.PHONE], indirect=True)
def test_titles_and_addresses_that_hold_script_are_only_text(visit, tmp_path, shelf_dir):
    shelf_model.publish(shelf_dir, tmp_path / "shelf", 1, dict(zip(shelf_model.IDS, _HOSTILE, strict=True)))
    with _serving_shelf(tmp_path / "shelf") as address:
        _open(visit, address)
        _search(visit, _HOSTILE[0])
        assert [title for title, _ in _ranked(visit)] == _HOSTILE
        _no_sideways_scrolling(visit)
        visit.page.locator(".ranking a").first.click()
        _heading(visit, f"Neighbours of {_HOSTILE[0]}")
        visit.page.locator(".ranking button").last.click()
        visit.page.locator("#excluded h3").wait_for()
        _wait(visit)
        _no_sideways_scrolling(visit)
        _open(visit, address, f"#/{urllib.parse.quote(_HOSTILE[1])}/newest")
        assert _error(visit) == f"No model named “{_HOSTILE[1]}” is served here."
        candidate_id = urllib.parse.quote(_HOSTILE[2])
        _open(visit, address, f"#/shelf/newest/similar?candidate_id={candidate_id}")
        _heading(visit, f"Neighbours of {_HOSTILE[2]}")
        assert visit.page.evaluate("window.isBroken") is None
        assert visit.page.locator("img, svg, b, iframe, body script").count() == 0


def _no_sideways_scrolling(visit):
    widths = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("visit", [browser_lib.PHONE, (320, 568)], indirect=True)
def test_nothing_scrolls_sideways_on_a_phone(visit, films):
    _open(visit, films)
    _no_sideways_scrolling(visit)
    _search(visit, "u1")
    _no_sideways_scrolling(visit)
    # The answer is below the form, and is shown all the same.
    assert visit.page.locator("#results-title").bounding_box()["y"] < visit.page.viewport_size["height"]
    visit.page.locator(".ranking a").first.click()
    _heading(visit, "Neighbours of ")
    visit.page.locator(".about summary").click()
    _no_sideways_scrolling(visit)


def test_the_keyboard_is_enough(visit, films):
    _open(visit, films)
    keyboard = visit.page.keyboard
    keyboard.press("Tab")
    assert _focused(visit) == "Skip to the answer"
    keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "results"
    visit.page.reload()
    _wait(visit)
    _tab_to(visit, "Query id")
    keyboard.type("u2")
    keyboard.press("Enter")
    _heading(visit, "For query u2")
    title = _ranked(visit)[1][0]
    _tab_to(visit, title)
    keyboard.press("Enter")
    _heading(visit, f"Neighbours of {title}")
    tiny_models.wait_until(lambda: visit.page.evaluate("document.activeElement.id") == "results-title")
    keyboard.press("Shift+Tab")
    assert _focused(visit) == "← Back"
    keyboard.press("Enter")
    _heading(visit, "For query u2")
    tiny_models.wait_until(lambda: _focused(visit) == title)
    keyboard.press("Tab")
    assert _focused(visit) == f"Exclude {title}"
    keyboard.press("Enter")
    visit.page.locator("#excluded h3").wait_for()
    assert title not in dict(_ranked(visit))


def _focused(visit):
    """Returns the name of what has the focus, which has to be seen."""
    named = "each => each.getAttribute('aria-label') ?? (each.labels?.[0] ?? each).textContent"
    focused = visit.page.evaluate_handle("document.activeElement").as_element()
    assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    return focused.evaluate(named).strip()


def _tab_to(visit, name):
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        if _focused(visit) == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")
