"""The heat maps of the similarity analysis, as PNG."""

import io

import numpy as np
from matplotlib import figure

_WIDTH_INCHES, _HEIGHT_INCHES, _DOTS_PER_INCH = 5.0, 4.4, 120


def heat_map(title: str, similarities: np.ndarray) -> bytes:
    """Returns a square of cosines, red for 1, white for 0 and blue for -1, the same in every map.

    Args:
      title: above the map.
      similarities: `[num_candidates, num_candidates]` in [-1, 1], but for rounding.
    """
    # Without pyplot: no window system is asked for and no global state is kept.
    canvas = figure.Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), dpi=_DOTS_PER_INCH, layout="constrained")
    axes = canvas.subplots()
    image = axes.imshow(similarities, cmap="RdBu_r", vmin=-1.0, vmax=1.0, interpolation="antialiased")
    axes.set(xlabel="candidate, by cluster and popularity", yticks=[])
    axes.set_title(title, fontsize="small")
    canvas.colorbar(image, ax=axes, label="cosine")
    buffer = io.BytesIO()
    # Without the version of the library in it, two machines write the same metadata.
    canvas.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
