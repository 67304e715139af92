"""Debian's Chromium without a window."""

import contextlib
import pathlib
from collections.abc import Iterator

from tests.serving.server.explorer import page_visit

CHROMIUM = pathlib.Path("/usr/bin/chromium")
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
DESKTOP, PHONE = (1180, 800), (390, 844)


@contextlib.contextmanager
def running_chromium() -> Iterator:
    """Runs a Chromium with a profile of its own, without which nothing of this can be tried."""
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: apt-get install chromium"
    # The first tier collects the tests that need a browser too, and should not wait for this.
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visiting(browser, size: tuple[int, int] = DESKTOP, color_scheme: str = "light") -> Iterator[page_visit.Visit]:
    """Opens an empty page that shares nothing with others."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=color_scheme)
    try:
        context.set_default_timeout(20_000)
        yield page_visit.Visit(context.new_page())
    finally:
        context.close()
