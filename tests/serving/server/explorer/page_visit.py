"""A visit to the explorer: what a person does on the page, and what the page asked for and complained of."""


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

    def open(self, address: str, route: str = "") -> None:
        """Goes to the page of a server, or to what its address asks for, and waits for the answer."""
        self.page.goto(address + route)
        self.page.locator("#models a").first.wait_for()
        self.wait()

    def wait(self) -> None:
        """Waits until nothing is asked any more."""
        self.page.locator("main[aria-busy=false]").wait_for()

    def search(self, query_id: str, **fields: str) -> None:
        """Types a query id and other fields, presses Enter and waits for the answer."""
        for name, value in {"query_id": query_id, **fields}.items():
            self.page.fill(f"[name={name}]", value)
        self.page.press("[name=query_id]", "Enter")
        self.heading(f"For query {query_id}")

    def heading(self, text: str) -> None:
        """Waits for an answer with this heading."""
        self.page.locator("#results-title", has_text=text).wait_for()
        self.wait()

    def ranked(self) -> list[tuple[str, str]]:
        """Returns what is shown, in order: titles and scores."""
        rows = self.page.locator(".ranking li")
        titles = rows.locator(".candidate a").all_inner_texts()
        return list(zip(titles, rows.locator(".score").all_inner_texts(), strict=True))

    def error(self) -> str:
        """Waits for an error and returns it."""
        self.page.locator("#error:not([hidden])").wait_for()
        return self.page.locator("#error").inner_text()

    def require_no_sideways_scrolling(self) -> None:
        """Asserts that nothing is wider than the window."""
        widths = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1]

    def focused(self) -> str:
        """Returns the name of what has the focus, which has to be seen."""
        named = "each => each.getAttribute('aria-label') ?? (each.labels?.[0] ?? each).textContent"
        focused = self.page.evaluate_handle("document.activeElement").as_element()
        assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
        return focused.evaluate(named).strip()

    def tab_to(self, name: str) -> None:
        """Presses Tab until what has this name has the focus."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.focused() == name:
                return
        raise AssertionError(f"{name} is not reached by Tab")
