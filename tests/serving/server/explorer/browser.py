"""Debian's Chromium without a window, and what its pages asked for and complained of."""

import contextlib
import pathlib
from collections.abc import Iterator

CHROMIUM = pathlib.Path("/usr/bin/chromium")
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
DESKTOP, PHONE = (1180, 800), (390, 844)


class Visit:
    """One page of a browser.

    Attributes:
      page: Playwright's.
      requested: addresses that it asked for.
      complaints: errors and warnings of its console, and exceptions.
    """

    def __init__(self, page):
        self.page = page
        self.requested: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)

    def _note(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


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
def visiting(browser, size: tuple[int, int] = DESKTOP, color_scheme: str = "light") -> Iterator[Visit]:
    """Opens an empty page that shares nothing with others."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=color_scheme)
    try:
        context.set_default_timeout(20_000)
        yield Visit(context.new_page())
    finally:
        context.close()
