import base64
import copy
import html.parser

import pytest

from pipelines.report import similarity_page


def _model(name, seed):
    return {
        "model": name,
        "similarity": "cosine",
        "seed": seed,
        "recall_at_10": {"dot": 0.1, "cosine": 0.2, "dot_after_layer_norm": 0.15},
        "dot_and_cosine": {"top_10_overlap": 0.5, "mean_rank_correlation": 0.9},
        "length_and_popularity": {"rank_correlation": 0.4, "mean_length_by_decile": [float(i) for i in range(10)]},
        "under_random_scales": {
            "dot_top_10_overlap": 1.0,
            "cosine_top_10_overlap": 0.4,
            "cosine_recall_at_10": 0.12,
            "neighbour_overlap": 0.3,
        },
        "neighbour_overlap_with": {f"{'b' if name == 'a' else 'a'} (cosine, seed {1 - seed})": 0.4786},
        "neighbour_overlap_after_layer_norm": 0.95,
    }


@pytest.fixture
def result():
    return {
        "simulation": {
            "law": {"num_queries": 20000, "num_candidates": 1000, "num_clusters": 5},
            "settings": {"width": 50},
            "num_interactions": 6840713,
            "largest_score_difference_under_scales": 2.9e-15,
            "remarks": ["Only 10 of 50 singular values are above the penalty."],
            "maps": [
                {"name": "m", "title": "True <clusters>", "block_contrast": 1.0, "neighbour_purity_at_10": 1.0},
            ],
            "remedies": [
                {
                    "remedy": "objective 1",
                    "block_contrast": 0.369,
                    "neighbour_purity_at_10": 0.997,
                    "block_contrast_under_random_scales": [0.197, 0.691],
                }
            ],
        },
        "models": [_model("a", 0), _model("b", 1)],
        "linear_models": [{"remedy": "objective 1", "recall_at_10_by_dot": 0.1654, "recall_at_10_by_cosine": 0.1368}],
    }


class _Rows(html.parser.HTMLParser):
    """Collects the text of each table row, and what the page asks for."""

    def __init__(self):
        super().__init__()
        self.rows, self.sources, self._cell = [], [], None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.sources += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "tr":
            self.rows.append([])
        self._cell = [] if tag in ("th", "td") else self._cell

    def handle_data(self, data):
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.rows[-1].append("".join(self._cell))
            self._cell = None


def _parsed(page):
    rows = _Rows()
    rows.feed(page)
    return rows


def test_the_figures_stand_in_their_rows(result):
    rows = _parsed(similarity_page.render(result, {"m": b"png"})).rows
    assert ["Objective 1", "0.369", "0.197 to 0.691", "99.7%"] in rows
    assert ["Recall@10 by cosine", "0.2000", "0.2000"] in rows
    assert ["a (cosine, seed 0)", "\N{EN DASH}", "47.9%"] in rows
    assert ["Objective 1", "0.1654", "0.1368", "\N{EN DASH}"] in rows
    assert ["10", "9.00", "9.00"] in rows


def test_the_page_asks_nothing_of_others_and_carries_its_maps(result):
    page = similarity_page.render(result, {"m": b"png"})
    sources = _parsed(page).sources
    assert f"data:image/png;base64,{base64.b64encode(b'png').decode()}" in sources
    assert all(each.startswith("data:") for each in sources)
    assert "True &lt;clusters&gt;" in page
    assert page == similarity_page.render(copy.deepcopy(result), {"m": b"png"})


def test_what_is_a_map_and_a_remedy_has_one_row(result):
    result["simulation"]["remedies"].append({**result["simulation"]["maps"][0], "remedy": "true <clusters>"})
    rows = _parsed(similarity_page.render(result, {"m": b"png"})).rows
    assert sum(row[0] == "True <clusters>" for row in rows) == 1


@pytest.mark.parametrize("missing", ["simulation", "models", "linear_models"])
def test_what_was_not_analysed_is_left_out(result, missing):
    heading = {"simulation": "Where the truth is known", "models": "In trained towers", "linear_models": "to recall"}
    del result[missing]
    page = similarity_page.render(result, {"m": b"png"})
    assert [each in page for each in heading.values()] == [name != missing for name in heading]
