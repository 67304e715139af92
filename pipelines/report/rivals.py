"""Those whose answers an evaluation compares: what each is called and how it is drawn."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report import inline_svg

KEYS = ("model", "other_model", "popularity")
_DEFAULT_NAMES = {"model": "Model", "other_model": "Other model", "popularity": "Popularity"}
_COLORS = {"model": inline_svg.MODEL, "other_model": inline_svg.OTHER, "popularity": inline_svg.POPULARITY}
_MARKERS = {"model": "o", "other_model": "s", "popularity": "D"}


@dataclasses.dataclass(frozen=True)
class Rival:
    """One that answered.

    Attributes:
      key: in the evaluation.
      name: for a reader.
    """

    key: str
    name: str

    @property
    def marker_style(self) -> dict[str, Any]:
        """How its points are drawn; shapes differ too, for who cannot tell the colors."""
        color = _COLORS[self.key]
        return {"color": color, "markeredgecolor": color, "marker": _MARKERS[self.key]}

    @property
    def css_class(self) -> str:
        """Of its bars."""
        return self.key.removesuffix("_model")


def rivals_of(evaluation: Mapping, names: Sequence[str] | None = None) -> list[Rival]:
    """Returns those that an evaluation has figures of.

    Args:
      evaluation: what `pipelines.evaluate` wrote.
      names: of the model and the other model, where they are two.
    """
    shown = dict(_DEFAULT_NAMES)
    if names and evaluation.get("other_model"):
        shown |= dict(zip(KEYS, names, strict=False))
    return [Rival(key, shown[key]) for key in KEYS if evaluation.get(key)]
