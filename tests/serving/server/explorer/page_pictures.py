"""Writes the pictures of the explorer that the documentation shows.

python -m tests.serving.server.explorer.page_pictures --output_dir=docs/explorer
"""

import argparse
import pathlib
import tempfile

from tests.serving import small_recommender, tiny_models
from tests.serving.server.explorer import browser as browser_lib
from tests.serving.server.explorer import explored_models


def main() -> None:
    """Serves a small recommender and photographs its page: light, dark and on a phone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output_dir", type=pathlib.Path, required=True)
    output_dir = parser.parse_args().output_dir
    output_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser_lib.running_chromium() as browser:
        root = pathlib.Path(folder)
        export = small_recommender.export("brute_force", root / "export")
        (root / "films").mkdir()
        explored_models.publish(export.path, root / "films", 3)
        histories = explored_models.write_histories(root / "interactions.parquet")
        options = {"model_name": "films", "port": 0, "explorer": True, "explorer_histories": histories}
        with tiny_models.running_server(root / "films", **options) as config:
            address = f"http://127.0.0.1:{config.rest_api_port}/"
            # The first run of a graph takes seconds, which no picture should show.
            for _ in range(2):
                _photograph(browser, address, output_dir / "recommendations.png", browser_lib.DESKTOP, "light")
                _photograph(browser, address, output_dir / "neighbours_dark.png", browser_lib.DESKTOP, "dark", True)
            _photograph(browser, address, output_dir / "phone.png", browser_lib.PHONE, "light")


def _photograph(
    browser, address: str, path: pathlib.Path, size: tuple[int, int], color_scheme: str, is_followed: bool = False
) -> None:
    """Writes a picture of the recommendations for a query, or of the neighbours of the second."""
    with browser_lib.visiting(browser, size, color_scheme) as visit:
        page = visit.page
        page.goto(address)
        page.fill("[name=query_id]", "u1")
        page.fill("[name=k]", "8")
        page.press("[name=k]", "Enter")
        page.locator("#results-title", has_text="For query u1").wait_for()
        if is_followed:
            page.locator(".ranking button").nth(2).click()
            page.locator("#excluded h3").wait_for()
            page.locator(".ranking a").nth(1).click()
            page.locator("#results-title", has_text="Neighbours").wait_for()
        page.locator("main[aria-busy=false]").wait_for()
        page.mouse.move(0, 0)
        # What is opening or fading is not yet what is seen.
        page.wait_for_timeout(400)
        page.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    main()
