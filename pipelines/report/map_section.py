"""The map of embeddings: dots that say their titles, and a list of them that leads to the dots."""

from collections.abc import Mapping, Sequence

from pipelines.report import inline_svg
from pipelines.report.number_format import count, percent, plain
from pipelines.report.short_text import shortened

_SIZE = (400, 340)
_MARGIN = 12
_MAX_LABEL, _MAX_NAME = 36, 120
_TITLE = "Embeddings of candidates"


def embedding_map(embeddings: Mapping | None) -> dict | None:
    """Returns dots in the order in which they are drawn, popular ones last and so on top, and names by tenth."""
    if not embeddings or not embeddings["points"]:
        return None
    points = embeddings["points"]
    kept = sum(embeddings["kept_variance"])
    places = _places(points)
    shown = [_dot(number, each, *place) for number, (each, place) in enumerate(zip(points, places, strict=True))]
    alt = (
        f"Map of {count(len(points))} dots, one for each candidate, the nearer the more alike as far as two dimensions "
        f"can show; they keep {percent(kept)} of the variance. The list below names every dot."
    )
    return {
        "opening": inline_svg.opening("map", _TITLE, alt, _SIZE),
        "dots": shown[::-1],
        "tenths": [
            (tenth, [dot for dot in shown if dot["tenth"] == tenth])
            for tenth in sorted({each["tenth"] for each in shown})
        ],
        "num_points": count(len(points)),
        "num_candidates": count(embeddings["num_candidates"]),
        "is_sample": len(points) < embeddings["num_candidates"],
        "kept": [percent(each) for each in embeddings["kept_variance"]],
        "kept_together": percent(kept),
    }


def _places(points: Sequence[Mapping]) -> list[tuple[float, float]]:
    """Returns where the dots stand; one unit is as long to the right as it is upwards."""
    ranges = [(min(each[axis] for each in points), max(each[axis] for each in points)) for axis in ("x", "y")]
    room = [size - 2 * _MARGIN for size in _SIZE]
    scale = min(length / max(high - low, 1e-12) for length, (low, high) in zip(room, ranges, strict=True))
    (left, right), (bottom, top) = ranges
    return [
        (
            _SIZE[0] / 2 + scale * (each["x"] - (left + right) / 2),
            _SIZE[1] / 2 - scale * (each["y"] - (bottom + top) / 2),
        )
        for each in points
    ]


def _dot(number: int, point: Mapping, x: float, y: float) -> dict:
    name = plain(point["title"] or point["candidate_id"])
    return {
        "id": f"dot-{number}",
        "x": f"{x:.1f}",
        "y": f"{y:.1f}",
        "label_y": f"{y - 7 if y > 24 else y + 16:.1f}",
        "anchor": "start" if x < _SIZE[0] / 3 else "end" if x > 2 * _SIZE[0] / 3 else "middle",
        "label": shortened(name, _MAX_LABEL),
        "name": shortened(name, _MAX_NAME),
        "num_interactions": count(point["num_interactions"]),
        "tenth": point["tenth"],
    }
