"""Writes the similarity analysis as one HTML page that needs nothing but itself.

It has the style sheet of the report, runs no script and asks no other host for anything. The same figures give the
same bytes.
"""

import base64
from collections.abc import Mapping, Sequence

from pipelines.report import number_format, page_template

_TEMPLATE = "similarity.html.j2"


def render(result: Mapping, images: Mapping[str, bytes]) -> str:
    """Returns the page as text.

    Args:
      result: content of `similarity.json`; a section whose keys are missing is left out.
      images: PNG of the heat maps by their names.
    """
    simulation = result.get("simulation")
    page = {
        "maps": _maps(simulation, images) if simulation else [],
        "simulation": _simulation(simulation) if simulation else None,
        "models": _models(result["models"]) if "models" in result else None,
        "linear_models": _linear_models(result["linear_models"]) if "linear_models" in result else None,
    }
    return page_template.render(_TEMPLATE, page)


def _maps(simulation: Mapping, images: Mapping[str, bytes]) -> list[dict]:
    return [
        {
            "title": each["title"],
            "source": "data:image/png;base64," + base64.b64encode(images[each["name"]]).decode("ascii"),
            "alt": f"Heat map of {each['title']}: block contrast {number_format.decimal(each['block_contrast'], 2)}",
        }
        for each in simulation["maps"]
    ]


def _simulation(simulation: Mapping) -> dict:
    law = simulation["law"]
    return {
        "facts": [
            ("Queries", number_format.count(law["num_queries"])),
            ("Candidates", number_format.count(law["num_candidates"])),
            ("Clusters", number_format.count(law["num_clusters"])),
            ("Interactions", number_format.count(simulation["num_interactions"])),
            ("Columns of the factors", number_format.count(simulation["settings"]["width"])),
        ],
        "remarks": simulation["remarks"],
        "score_difference": f"{simulation['largest_score_difference_under_scales']:.0e}",
        "rows": [
            (
                _sentence_case(each.get("remedy") or each["title"]),
                [
                    number_format.decimal(each["block_contrast"], 3),
                    _range(each.get("block_contrast_under_random_scales")),
                    number_format.percent(each["neighbour_purity_at_10"]),
                ],
            )
            for each in _different((*simulation["maps"], *simulation["remedies"]))
        ],
    }


def _different(rows: Sequence[Mapping]) -> list[Mapping]:
    """Returns the maps and remedies without a second row of one that is both."""
    by_name = {_sentence_case(each.get("remedy") or each["title"]): each for each in rows}
    return list(by_name.values())


def _models(models: Sequence[Mapping]) -> dict:
    names = [f"{each['model']} ({each['similarity']}, seed {each['seed']})" for each in models]
    return {
        "names": names,
        "rows": [(label, [value(each) for each in models]) for label, value in _ROWS_OF_MODELS],
        "neighbours": [
            (name, [number_format.percent(each["neighbour_overlap_with"].get(name)) for each in models])
            for name in names
            if len(models) > 1
        ],
        "deciles": [(str(tenth + 1), [_mean_length(each, tenth) for each in models]) for tenth in range(10)],
    }


def _mean_length(model: Mapping, tenth: int) -> str:
    return number_format.decimal(model["length_and_popularity"]["mean_length_by_decile"][tenth], 2)


def _decimal_of(*keys: str):
    return lambda each: number_format.decimal(_inside(each, keys), 4)


def _percent_of(*keys: str):
    return lambda each: number_format.percent(_inside(each, keys))


def _inside(value: Mapping, keys: Sequence[str]) -> float:
    for key in keys:
        value = value[key]
    return value


_ROWS_OF_MODELS = (
    ("Recall@10 by dot product", _decimal_of("recall_at_10", "dot")),
    ("Recall@10 by cosine", _decimal_of("recall_at_10", "cosine")),
    ("Recall@10 by dot product after layer norm", _decimal_of("recall_at_10", "dot_after_layer_norm")),
    ("Top 10 that dot product and cosine share", _percent_of("dot_and_cosine", "top_10_overlap")),
    ("Rank correlation of dot product and cosine", _decimal_of("dot_and_cosine", "mean_rank_correlation")),
    ("Rank correlation of length and popularity", _decimal_of("length_and_popularity", "rank_correlation")),
    ("Under random scales: top 10 by dot product kept", _percent_of("under_random_scales", "dot_top_10_overlap")),
    ("Under random scales: top 10 by cosine kept", _percent_of("under_random_scales", "cosine_top_10_overlap")),
    ("Under random scales: recall@10 by cosine", _decimal_of("under_random_scales", "cosine_recall_at_10")),
    ("Under random scales: 10 nearest neighbours kept", _percent_of("under_random_scales", "neighbour_overlap")),
    ("After layer norm: 10 nearest neighbours kept", _percent_of("neighbour_overlap_after_layer_norm")),
)


def _linear_models(rows: Sequence[Mapping]) -> list[tuple[str, list[str]]]:
    names = ("recall_at_10_by_dot", "recall_at_10_by_cosine", "recall_at_10_in_units_of_x")
    return [
        (_sentence_case(each["remedy"]), [number_format.decimal(each.get(name)) for name in names]) for each in rows
    ]


def _range(bounds: Sequence[float] | None) -> str:
    return (
        f"{number_format.decimal(bounds[0], 3)} to {number_format.decimal(bounds[1], 3)}"
        if bounds
        else number_format.DASH
    )


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
