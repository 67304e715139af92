import pytest

from pipelines.report import html_report, map_section
from tests.pipelines.report import example_figures, parsed_page


@pytest.fixture(scope="module")
def section():
    report = {"embeddings": example_figures.embeddings()}
    (found,) = parsed_page.parse(html_report.render_html_report(report)).find("section")
    return found


def test_every_dot_is_in_the_list_and_the_list_leads_to_it(section):
    (drawing,) = section.find("svg")
    dots = {each.attributes["id"]: each.find("text")[0].text for each in drawing.find("a")}
    listed = {each.attributes["href"].removeprefix("#"): each.text for each in section.find("ul")[0].find("a")}
    assert listed == {"dot-0": "c0", "dot-1": "Film 1"}
    led_to = [each.attributes["href"].removeprefix("#") for each in section.find("a")]
    assert sorted(led_to) == sorted([*dots, *dots])
    assert dots["dot-7"] == "Film 7"


def test_dots_stop_no_tab_and_say_their_title_to_a_pointer(section):
    (drawing,) = section.find("svg")
    assert {each.attributes["tabindex"] for each in drawing.find("a")} == {"-1"}
    titles = [each.find("title")[0].text for each in drawing.find("a")]
    # The most popular is drawn last, on top.
    assert (titles[0], titles[-1]) == ("Film 19 (981)", "c0 (1,000)")


def test_dots_lie_inside_and_as_far_apart_to_the_right_as_upwards(section):
    (drawing,) = section.find("svg")
    places = [tuple(float(each.attributes[axis]) for axis in ("cx", "cy")) for each in drawing.find("circle")]
    assert all(0 < x < 400 and 0 < y < 340 for x, y in places)
    (first_x, first_y), (last_x, last_y) = places[0], places[-1]
    # Planted: the last differs from the first by as much in x as in -y, and y grows upwards.
    assert first_x - last_x == pytest.approx(first_y - last_y, abs=0.2)
    assert first_x > last_x


def test_candidates_on_one_place_are_drawn_in_the_middle():
    embeddings = example_figures.embeddings(2)
    for point in embeddings["points"]:
        point |= {"x": 0.0, "y": 0.0}
    shown = map_section.embedding_map(embeddings)
    assert [(dot["x"], dot["y"]) for dot in shown["dots"]] == [("200.0", "170.0")] * 2


def test_a_sample_says_that_it_is_one(section):
    assert section.find("p")[0].text.startswith("20 candidates, evenly spaced by popularity out of 1,682, on the two")
    whole = map_section.embedding_map({**example_figures.embeddings(), "num_candidates": 20})
    assert not whole["is_sample"]


def test_a_title_as_long_as_a_book_is_cut_where_it_is_seen():
    embeddings = example_figures.embeddings(1)
    embeddings["points"][0]["title"] = "A title \n" * 1000
    (dot,) = map_section.embedding_map(embeddings)["dots"]
    assert dot["label"] == "A title A title A title A title A t\N{HORIZONTAL ELLIPSIS}"
    assert len(dot["name"]) <= 120
    assert "\n" not in dot["name"]


@pytest.mark.parametrize(("title", "name"), [(1984, "1984"), (2.5, "2.5"), (["Drama", "War"], "Drama, War")])
def test_a_title_that_is_no_text_is_written_as_text(title, name):
    embeddings = example_figures.embeddings(1)
    embeddings["points"][0]["title"] = title
    (dot,) = map_section.embedding_map(embeddings)["dots"]
    assert (dot["label"], dot["name"]) == (name, name)


def test_without_points_there_is_no_map():
    assert map_section.embedding_map(None) is None
    assert map_section.embedding_map({"points": [], "num_candidates": 0, "kept_variance": [0.0, 0.0]}) is None
