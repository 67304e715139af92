import io

import matplotlib.image
import numpy as np

from pipelines import similarity_figures


def test_a_map_is_a_png_that_is_the_same_each_time():
    similarities = np.array([[1.0, -1.0], [-1.0, 1.0]])
    first = similarity_figures.heat_map("Two", similarities)
    assert first.startswith(b"\x89PNG\r\n")
    assert first == similarity_figures.heat_map("Two", similarities)


def test_likeness_is_red_and_opposition_blue():
    png = similarity_figures.heat_map("Two", np.array([[1.0, -1.0], [-1.0, 1.0]]))
    pixels = matplotlib.image.imread(io.BytesIO(png))
    height, width = pixels.shape[:2]
    upper_left, upper_right = pixels[height // 4, width // 5], pixels[height // 4, width * 3 // 5]
    assert upper_left[0] > 2 * upper_left[2]
    assert upper_right[2] > 2 * upper_right[0]
