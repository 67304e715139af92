"""Writes the pictures of a report that the documentation shows.

python -m tests.pipelines.report.page_pictures --report_path=quickstart/report.html --output_dir=docs/report
"""

import argparse
import pathlib

from tests.serving.server.explorer import browser as browser_lib

_DESKTOP, _PHONE = (1180, 1500), (375, 812)


def main() -> None:
    """Photographs its beginning by light, the correction by dark, and the map on a phone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report_path", type=pathlib.Path, required=True)
    parser.add_argument("--output_dir", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    address = arguments.report_path.resolve().as_uri()
    with browser_lib.running_chromium() as browser:
        for name, size, scheme, place in (
            ("desktop", _DESKTOP, "light", ""),
            ("dark", _DESKTOP, "dark", "#correction"),
            ("phone", _PHONE, "light", "#map"),
        ):
            with browser_lib.visiting(browser, size, scheme) as visit:
                visit.page.goto(address + place)
                if place == "#map":
                    visit.page.locator("#dot-0 circle").click()
                    visit.page.evaluate("document.querySelector('#map').scrollIntoView()")
                visit.page.screenshot(path=arguments.output_dir / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
