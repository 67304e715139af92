"""Reads a page as a browser's parser would, for assertions on what it shows."""

import dataclasses
import html.parser

_VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclasses.dataclass
class Element:
    """An element of a page, with its parts in order."""

    tag: str
    attributes: dict[str, str | None]
    parts: list = dataclasses.field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, white space collapsed."""
        return " ".join(self._raw_text().split())

    def _raw_text(self) -> str:
        return "".join(part if isinstance(part, str) else part._raw_text() for part in self.parts)

    def find(self, *tags: str) -> list["Element"]:
        """Returns the elements inside that have one of the tags, or all, in order."""
        found = []
        for part in self.parts:
            if isinstance(part, Element):
                found += [part] if not tags or part.tag in tags else []
                found += part.find(*tags)
        return found

    def rows(self) -> list[list[str]]:
        """Returns the text of every cell of the table, its head included."""
        return [[cell.text for cell in row.find("th", "td")] for row in self.find("tr")]


class _Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        self.open[-1].parts.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].parts.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        closed = self.open.pop()
        assert closed.tag == tag, f"<{closed.tag}> is closed by </{tag}>"

    def handle_data(self, data):
        self.open[-1].parts.append(data)


def parse(page: str) -> Element:
    """Returns the document; an element that is not closed, or closed by another's tag, is an error."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert len(parser.open) == 1, f"<{parser.open[-1].tag}> is never closed"
    return parser.open[0]


def table(page: Element, caption: str) -> Element:
    """Returns the only table whose caption holds the words."""
    (found,) = [each for each in page.find("table") if caption in each.find("caption")[0].text]
    return found


def straight_lines(drawing: Element, variable: str) -> list[tuple[float, ...]]:
    """Returns the ends, `(x, y, x, y)`, of the straight lines that are drawn in a color of the page."""
    lines = []
    for path in drawing.find("path"):
        words = path.attributes["d"].split()
        if (
            words[0::3] == ["M", "L"]
            and len(words) == 6
            and f"stroke: var(--{variable})" in path.attributes.get("style", "")
        ):
            lines.append(tuple(float(words[place]) for place in (1, 2, 4, 5)))
    return lines
