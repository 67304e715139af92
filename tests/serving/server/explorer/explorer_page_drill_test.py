"""The explorer in Chromium: what a person does with it, what goes wrong meanwhile, and what it asks for."""

import re

import httpx
import pytest

from tests.serving import small_recommender, tiny_models
from tests.serving.server.explorer import browser as browser_lib
from tests.serving.server.explorer import explored_models

pytestmark = pytest.mark.drill

_TITLE_OF = dict(zip(small_recommender.IDS, explored_models.TITLES, strict=True))
_GENRE_OF = dict(zip(small_recommender.IDS, small_recommender.GENRES, strict=True))


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


_OUTPUTS = ("candidate_ids", "scores", "valid")


def _ask(address, signature, **inputs):
    """Returns the best candidates and their scores as any client gets them, or the sentence of a refusal."""
    body = {"signature_name": signature, "instances": [inputs]}
    answer = httpx.post(f"{address}v1/models/films:predict", json=body, trust_env=False, timeout=30)
    if answer.status_code != 200:
        return answer.json()["error"]
    (row,) = answer.json()["predictions"]
    return [(each, score) for each, score, valid in zip(*(row[name] for name in _OUTPUTS), strict=True) if valid]


def _shown(candidates):
    return [(_TITLE_OF[each], f"{score:.4f}") for each, score in candidates]


def test_a_query_is_answered_with_titles_scores_ranks_and_milliseconds(visit, films):
    history = explored_models.HISTORIES["u1"]
    expected = _ask(films, "serving_default", query_id="u1", history=history, exclude_candidate_ids=history, k=7)
    visit.open(films)
    assert visit.page.locator("#models").inner_text().split() == [
        *("films", "version", "3", "available", "half", "version", "1", "available")
    ]
    visit.search("u1", k="7")
    assert visit.ranked() == _shown(expected)
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
    visit.open(films)
    # Without a query id there is nobody whose history the file could hold.
    visit.page.uncheck("[name=history-from]")
    for name, text in (("history", "c9\nc1"), ("age", "41.5"), ("tags", "x, y"), ("tags_weights", "2,0.5")):
        visit.page.fill(f"[name={name}]", text)
    visit.page.fill("[name=motto]", given["motto"])
    visit.page.press("[name=tags]", "Enter")
    visit.heading("For these features")
    assert visit.ranked() == _shown(expected)
    visit.page.reload()
    visit.heading("For these features")
    assert visit.ranked() == _shown(expected)
    assert visit.page.input_value("[name=history]") == "c9\nc1"
    assert not visit.page.is_checked("[name=history-from]")


def test_a_candidate_leads_to_its_neighbours_and_both_ways_lead_back(visit, films):
    visit.open(films)
    visit.search("u2")
    before = visit.ranked()
    second = visit.page.locator(".ranking a").nth(1)
    candidate_id, title = second.get_attribute("data-candidate"), second.inner_text()
    second.click()
    visit.heading(f"Neighbours of {title}")
    expected = _ask(films, "similar_candidates", candidate_id=candidate_id)
    assert visit.ranked() == _shown(expected)
    visit.page.locator(".ranking a").first.click()
    visit.heading(f"Neighbours of {_TITLE_OF[expected[0][0]]}")
    visit.page.click("#back")
    visit.heading(f"Neighbours of {title}")
    visit.page.go_back()
    visit.heading("For query u2")
    assert visit.ranked() == before
    focused = "document.activeElement.dataset.candidate"
    tiny_models.wait_until(lambda: visit.page.evaluate(focused) == candidate_id)


def test_what_is_excluded_is_left_out_until_it_is_allowed_again(visit, films):
    visit.open(films)
    visit.search("u2", k="4")
    before = visit.ranked()
    for each in before[:2]:
        visit.page.get_by_role("button", name=f"Exclude {each[0]}").click()
        visit.page.get_by_role("button", name=f"Allow {each[0]} again").wait_for()
        visit.wait()
    after = visit.ranked()
    assert after[:2] == before[2:4]
    assert len(after) == 4
    visit.page.get_by_role("button", name=f"Allow {before[0][0]} again").click()
    visit.page.locator("#excluded h3", has_text="Excluded (1)").wait_for()
    visit.wait()
    assert visit.ranked()[0] == before[0]
    visit.page.get_by_role("button", name="Empty the list").click()
    visit.page.locator("#excluded h3").wait_for(state="detached")
    visit.wait()
    assert visit.ranked() == before


def test_a_filter_lets_through_what_has_one_of_its_values(visit, films):
    visit.open(films)
    visit.search("u1", filter_genre="war", k="30")
    ids = visit.page.locator(".ranking a").evaluate_all("links => links.map(each => each.dataset.candidate)")
    left_out = explored_models.HISTORIES["u1"]
    assert sorted(ids) == sorted(each for each in _GENRE_OF if _GENRE_OF[each] == "war" and each not in left_out)
    visit.page.uncheck("[name=known]")
    visit.search("u1", filter_genre="war, drama", k="30")
    ids = visit.page.locator(".ranking a").evaluate_all("links => links.map(each => each.dataset.candidate)")
    assert sorted(ids) == sorted(each for each in _GENRE_OF if _GENRE_OF[each])


def test_what_is_not_there_is_told_in_words(visit, films):
    visit.open(films, "#/none/newest")
    assert visit.error() == "No model named “none” is served here."
    visit.open(films, "#/films/9/recommend?query_id=u1")
    assert visit.error() == "Version 9 of “films” does not answer: the server never saw it."
    visit.open(films, "#/films/newest/similar?candidate_id=nobody")
    visit.heading("Neighbours of nobody")
    assert visit.page.inner_text("#status").startswith("Candidate nobody is not in the corpus of version 3")
    visit.open(films, "#/films/newest")
    visit.search("a stranger")
    note = "The histories hold nothing of this query; it is answered as a new one."
    assert visit.page.inner_text("#status").endswith(note)
    assert len(visit.ranked()) == small_recommender.K
    visit.page.fill("[name=age]", "old")
    visit.page.press("[name=age]", "Enter")
    assert visit.error() == "age takes numbers, but has “old”."
    # The browser notes answers that are errors: of the query that has no history.
    visit.complaints[:] = [each for each in visit.complaints if "status of 404" not in each]


def test_a_refusal_is_shown_with_the_servers_own_sentence(visit, films):
    # Behind its sentence TensorFlow names places in the graph, each on a line of its own.
    sentence = _ask(films, "serving_default", query_id="u2", k=41).split("\n")[0]
    visit.open(films)
    visit.page.fill("[name=query_id]", "u2")
    visit.page.fill("[name=k]", "41")
    visit.page.press("[name=k]", "Enter")
    assert visit.error() == f"The server refused this: {sentence}"
    assert "41" in sentence
    assert visit.page.locator("#error").get_attribute("role") == "alert"
    visit.search("u2", k="3")
    assert visit.page.locator("#error").is_hidden()
    assert [each for each in visit.complaints if "status of 400" not in each] == []
    visit.complaints.clear()


def test_other_models_have_nothing_to_explore_but_are_told_of(visit, films):
    visit.open(films)
    visit.page.get_by_role("link", name="half").click()
    visit.heading("Nothing to explore")
    assert visit.page.inner_text("#status") == "No signature of this model answers candidate ids."
    assert visit.page.locator(".signatures li").all_inner_texts() == ["serving_default x → y"]
    assert visit.page.locator("#asking").is_hidden()


@pytest.mark.parametrize("visit", [browser_lib.PHONE, (320, 568)], indirect=True)
def test_nothing_scrolls_sideways_on_a_phone(visit, films):
    visit.open(films)
    visit.require_no_sideways_scrolling()
    visit.search("u1")
    visit.require_no_sideways_scrolling()
    # The answer is below the form, and is shown all the same.
    assert visit.page.locator("#results-title").bounding_box()["y"] < visit.page.viewport_size["height"] / 2
    visit.page.locator(".ranking a").first.click()
    visit.heading("Neighbours of ")
    visit.page.locator(".about summary").click()
    visit.require_no_sideways_scrolling()


def test_the_keyboard_is_enough(visit, films):
    visit.open(films)
    keyboard = visit.page.keyboard
    keyboard.press("Tab")
    assert visit.focused() == "Skip to the answer"
    keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "results"
    visit.page.reload()
    visit.wait()
    visit.tab_to("Query id")
    keyboard.type("u2")
    keyboard.press("Enter")
    visit.heading("For query u2")
    title = visit.ranked()[1][0]
    visit.tab_to(title)
    keyboard.press("Enter")
    visit.heading(f"Neighbours of {title}")
    tiny_models.wait_until(lambda: visit.page.evaluate("document.activeElement.id") == "results-title")
    keyboard.press("Shift+Tab")
    assert visit.focused() == "← Back"
    keyboard.press("Enter")
    visit.heading("For query u2")
    tiny_models.wait_until(lambda: visit.focused() == title)
    keyboard.press("Tab")
    assert visit.focused() == f"Exclude {title}"
    keyboard.press("Enter")
    visit.page.locator("#excluded h3").wait_for()
    assert title not in dict(visit.ranked())
